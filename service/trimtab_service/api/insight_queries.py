"""What questions about the surrogates look like on the wire: params are JSON texts behind the question mark."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from trimtab_service.api.errors import InvalidJson
from trimtab_service.api.queries import Query
from trimtab_service.api.schemas import Line
from trimtab_service.api.strict_json import loads
from trimtab_service.domain.errors import InvalidQuery

JsonText = Annotated[str, Field(max_length=10_000)]


class PredictQuery(Query):
    """Where to predict."""

    params: list[JsonText] = Field(
        min_length=1, max_length=100, description='Params as JSON, repeated: {"lr": 0.01, "depth": 2}'
    )

    def configurations(self) -> list[dict[str, Any]]:
        """The params. Raises InvalidQuery for what is no strict JSON object."""
        return [_json_object("params", text) for text in self.params]


class SurrogateQuery(Query):
    """What to show of the surrogates."""

    parameter: Line | None = Field(default=None, description="Show a slice along it.")
    second: Line | None = Field(default=None, description="With parameter: show a contour over both.")
    base: int | None = Field(default=None, ge=0, lt=2**31, description="The trial whose params are held.")
    params: JsonText | None = Field(default=None, description="The params that are held, as JSON; not with base.")
    points: int | None = Field(default=None, description="Places per parameter: up to 401, or 64 of a contour.")
    paths: int = Field(default=0, ge=0, le=50, description="Functions to draw from the posterior along a slice.")
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="What they are drawn with; else the study's.")

    def view(self) -> dict[str, Any]:
        """What the use case takes. Raises InvalidQuery."""
        beside = sorted(self.model_fields_set - {"parameter"})
        if self.parameter is None and beside:
            raise InvalidQuery(f"{', '.join(beside)}: expected a parameter beside it, got none")
        if self.second is not None and self.paths:
            raise InvalidQuery("paths are drawn along one parameter, got second too")
        if self.base is not None and self.params is not None:
            raise InvalidQuery("expected base or params, got both")
        return {
            "parameters": [name for name in (self.parameter, self.second) if name is not None],
            "base": self.base if self.params is None else _json_object("params", self.params),
            "points": self.points,
            "paths": self.paths,
            "seed": self.seed,
        }


class CardQuery(Query):
    """Whose card."""

    number: int = Field(ge=0, lt=2**31, description="The trial's number in its study, from 0.")


def _json_object(what: str, text: str) -> dict[str, Any]:
    try:
        value = loads(text.encode(errors="surrogatepass"))
    except InvalidJson as error:
        raise InvalidQuery(f"{what}: {error.detail}") from error
    if not isinstance(value, dict):
        raise InvalidQuery(f'{what}: expected a JSON object like {{"lr": 0.01}}, got {text[:80]!r}')
    return value

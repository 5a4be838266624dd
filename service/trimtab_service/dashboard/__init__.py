"""Pages for people: the list of studies, one study with its charts and trials, and the way in. No script anywhere."""

from trimtab_service.dashboard.routes import install

__all__ = ["install"]

"""Charts as SVG: drawn on the server, coloured by the style sheet, readable without a script."""

from trimtab_service.dashboard.figures.axis import Axis
from trimtab_service.dashboard.figures.curve import curve
from trimtab_service.dashboard.figures.frame import Frame
from trimtab_service.dashboard.figures.marks import Mark
from trimtab_service.dashboard.figures.progress import so_far
from trimtab_service.dashboard.figures.scatter import trade_off
from trimtab_service.dashboard.figures.strip import ORDER, strip

__all__ = ["ORDER", "Axis", "Frame", "Mark", "curve", "so_far", "strip", "trade_off"]

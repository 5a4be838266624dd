"""How much CO2 a country's electricity stands for, in grams of CO2 equivalents per kilowatt-hour.

The figures are yearly means over what a country generates, from cradle to grave of the plants; neither the hour nor
imported electricity shows in them. They are those that codecarbon 3.3.2 ships in its global_energy_mix.json (MIT
licence), which takes them from "Carbon intensity of electricity generation" by Our World in Data (CC BY 4.0), made
of Ember's Yearly Electricity Data (CC BY 4.0) and the Energy Institute's Statistical Review of World Energy. The
year is the last one that was there for the country.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from trimtab.errors import TrimtabError

SOURCE = "Our World in Data (Ember, Energy Institute), by way of codecarbon 3.3.2"
"""Where the intensities of this table come from, as a contract names it."""


class UnknownCountry(TrimtabError, ValueError):
    """The table of grid intensities has no such country."""

    code = "unknown_country"


@dataclass(frozen=True, slots=True)
class Grid:
    """A country's electricity. country: ISO 3166 alpha-3. intensity: g CO2 per kWh, the mean of that year."""

    country: str
    intensity: float
    year: int


def grid(country: str) -> Grid:
    """The grid of a country, by its ISO 3166 code of 3 or 2 letters, in any case. Raises UnknownCountry."""
    code = country.strip().upper() if isinstance(country, str) else ""
    grids = _grids()
    if code not in grids:
        raise UnknownCountry(
            f"expected the ISO 3166 code of a country in the table, like 'DEU' or 'DE', got {country!r}; "
            "for any other grid state Site(intensity=…) in g CO2 per kWh"
        )
    return grids[code]


@functools.cache
def _grids() -> dict[str, Grid]:
    """Code of 3 or of 2 letters -> grid."""
    found: dict[str, Grid] = {}
    for year, rows in _TABLE.items():
        words = rows.split()
        for three, two, intensity in zip(words[::3], words[1::3], words[2::3], strict=True):
            found[three] = found[two] = Grid(three, float(intensity), year)
    return found


_TABLE = {
    2023: """
ARG AR 354.103  AUS AU 548.692  AUT AT 110.812  BEL BE 138.107  BGD BD 691.411  BGR BG 335.334  BIH BA 600
BOL BO 531.687  BRA BR 98.348  CAN CA 170.043  CHE CH 34.843  CHL CL 291.113  CHN CN 582.317  COL CO 259.511
CRI CR 53.378  CYP CY 534.323  CZE CZ 449.724  DEU DE 380.95  DNK DK 151.65  ECU EC 150.224  EGY EG 570.306
ESP ES 174.05  EST EE 416.667  FIN FI 79.158  FRA FR 56.039  GBR GB 237.589  GEO GE 167.594  GRC GR 336.574
HRV HR 204.962  HUN HU 204.19  IND IN 713.441  IRL IE 290.805  IRN IR 655.125  ITA IT 330.718  JPN JP 485.392
KAZ KZ 821.391  KEN KE 70.492  KOR KR 430.567  KWT KW 649.163  LTU LT 160.072  LUX LU 105.263  LVA LV 123.2
MAR MA 630.014  MDA MD 643.464  MEX MX 507.245  MKD MK 565.345  MLT MT 459.144  MMR MM 398.898  MNE ME 417.073
MNG MN 775.309  NGA NG 523.247  NLD NL 267.622  NOR NO 30.08  NZL NZ 112.758  OMN OM 564.635  PAK PK 440.608
PER PE 266.478  PHL PH 610.688  POL PL 661.926  PRT PT 165.553  PRY PY 23.755  QAT QA 602.5  ROU RO 240.583
RUS RU 441.039  SGP SG 470.783  SLV SV 271.468  SRB RS 636.062  SVK SK 116.774  SVN SI 231.275  SWE SE 40.695
THA TH 549.583  TUN TN 563.956  TUR TR 464.586  TWN TW 642.378  URY UY 128.788  USA US 369.473  VNM VN 475.449
ZAF ZA 707.686
""",
    2022: """
ABW AW 561.224  AFG AF 132.53  AGO AO 174.734  ALB AL 24.286  ARE AE 561.135  ARM AM 264.538  ASM AS 611.111
ATG AG 611.111  AZE AZ 671.389  BDI BI 250  BEN BJ 584.071  BFA BF 467.533  BHR BH 904.615  BHS BS 660.099
BLR BY 441.74  BLZ BZ 225.806  BMU BM 650.794  BRB BB 605.505  BRN BN 893.913  BTN BT 23.333  BWA BW 847.909
CAF CF 0  CIV CI 393.885  CMR CM 305.419  COD CD 24.457  COG CG 700  COK CK 250  COM KM 642.857  CPV CV 558.14
CUB CU 637.61  CYM KY 642.857  DJI DJ 692.308  DMA DM 529.412  DOM DO 580.78  DZA DZ 634.611  ERI ER 631.579
ETH ET 24.643  FJI FJ 288.462  FLK FK 500  FRO FO 404.762  GAB GA 491.597  GHA GH 484  GIB GI 600
GIN GN 236.842  GMB GM 666.667  GNB GW 625  GNQ GQ 591.837  GRD GD 640  GRL GL 178.571  GTM GT 328.268
GUM GU 622.857  GUY GY 640.351  HKG HK 699.499  HND HN 282.265  HTI HT 567.308  IDN ID 675.931  IRQ IQ 688.814
ISL IS 27.68  ISR IL 582.927  JAM JM 555.556  JOR JO 540.924  KGZ KG 147.292  KHM KH 417.707  KIR KI 666.667
KNA KN 636.364  LAO LA 265.506  LBN LB 599.005  LBR LR 227.848  LBY LY 818.692  LCA LC 666.667  LKA LK 509.781
LSO LS 20  MAC MO 448.98  MDG MG 436.441  MDV MV 611.765  MLI ML 408  MOZ MZ 135.647  MRT MR 464.706
MSR MS 1000  MUS MU 632.479  MWI MW 66.667  MYS MY 605.831  NAM NA 59.259  NCL NC 660.584  NER NE 670.886
NIC NI 265.116  NPL NP 24.44  NRU NR 750  PAN PA 161.677  PNG PG 507.246  PRI PR 678.738  PRK KP 389.587
PSE PS 516.129  PYF PF 442.857  RWA RW 316.327  SAU SA 706.791  SDN SD 263.158  SEN SN 511.598  SHN SH 1000
SLB SB 700  SLE SL 50  SOM SO 578.947  SPM PM 600  SSD SS 629.032  STP ST 642.857  SUR SR 349.282
SWZ SZ 172.414  SYC SC 564.516  SYR SY 701.661  TCA TC 653.846  TCD TD 628.571  TGO TG 443.182  TJK TJ 116.858
TKM TM 1306.025  TLS TL 666.667  TON TO 625  TTO TT 681.529  TZA TZ 339.246  UGA UG 44.527  UKR UA 259.693
UZB UZ 1167.603  VCT VC 529.412  VEN VE 185.802  VGB VG 647.059  VIR VI 632.353  VUT VU 571.429  WSM WS 473.684
YEM YE 566.102  ZMB ZM 111.967  ZWE ZW 297.872
""",
    2021: """
GLP GP 500  GUF GF 217.822  MTQ MQ 523.179  REU RE 572.816
""",
    2009: """
ESH EH 666.667
""",
}
"""Year -> rows of: alpha-3, alpha-2, g CO2 per kWh."""

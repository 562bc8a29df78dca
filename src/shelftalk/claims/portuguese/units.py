"""The Portuguese number words, months and units that the search for claims recognises, in lower case.

Dimensions and factors are those of the English units, so that a measure is the same in both languages.
"""

from __future__ import annotations

from fractions import Fraction

from shelftalk.claims.portuguese.inflection import without_accents
from shelftalk.claims.units import UNITS as ENGLISH_UNITS
from shelftalk.claims.words import listed

_ONES = """
    zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito
    dezenove vinte
    """
_TENS = "trinta quarenta cinquenta sessenta setenta oitenta noventa"
_HUNDREDS = "duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"
_NAMED = {word: value for value, word in enumerate(_ONES.split())}
_NAMED |= {word: 10 * value for value, word in enumerate(_TENS.split(), start=3)}
_NAMED |= {word: 100 * value for value, word in enumerate(_HUNDREDS.split(), start=2)}
_NAMED |= {word.removesuffix("os") + "as": value for word, value in _NAMED.items() if value >= 200}
_NAMED |= {"uma": 1, "duas": 2, "catorze": 14, "cem": 100, "cento": 100, "mil": 1000}
NUMBERS = _NAMED | {without_accents(word): value for word, value in _NAMED.items()}
MONTH_NAMES = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES.split(), start=1)} | {"marco": 3}

# The Portuguese spellings of a unit, and the English unit that it is.
_SPELLINGS = {
    "mm": "mm, milímetro, milímetros",
    "cm": "cm, cms, centímetro, centímetros",
    "m": "m, mt, mts, metro, metros",
    "km": "km, quilômetro, quilômetros",
    "inch": 'polegada, polegadas, pol, ", ″, ”, inch, inches',
    "mg": "mg, miligrama, miligramas",
    "g": "g, gr, grs, grama, gramas",
    "kg": "kg, kgs, kilo, kilos, quilo, quilos, quilograma, quilogramas",
    "t": "t, tonelada, toneladas",
    "ml": "ml, mililitro, mililitros",
    "cl": "cl, centilitro, centilitros",
    "l": "l, lt, lts, litro, litros",
    "fl oz": "fl oz",
    "oz": "oz, onça, onças",
    "lb": "lb, lbs, libra, libras",
    "second": "s, seg, segundo, segundos",
    "minute": "min, minuto, minutos",
    "hour": "h, hs, hr, hrs, hora, horas",
    "day": "dia, dias",
    "week": "semana, semanas",
    "month": "mês, meses",
    "year": "ano, anos",
    "decade": "década, décadas",
    "w": "w, watt, watts",
    "kw": "kw, quilowatt, quilowatts",
    "v": "v, volt, volts",
    "a": "a, ampere, amperes, ampère, ampères",
    "mah": "mah",
    "ah": "ah",
    "wh": "wh",
    "kwh": "kwh",
    "hz": "hz, hertz",
    "khz": "khz",
    "mhz": "mhz",
    "ghz": "ghz",
    "kb": "kb",
    "mb": "mb, megabyte, megabytes",
    "gb": "gb, gigabyte, gigabytes",
    "tb": "tb, terabyte, terabytes",
    "°c": "°c, ° c, ºc, º c, graus celsius, grau celsius, graus c",
    "°": "°, º, graus, grau",
    "kcal": "kcal, caloria, calorias",
    "carat": "quilate, quilates",
    "lumen": "lm, lúmen, lúmens, lumens",
    "gsm": "g/m², g/m2, gsm",
    "mp": "mp, megapixel, megapixels",
    "db": "db, decibel, decibéis",
    "ohm": "ohm, ohms, ω",
    "horsepower": "hp, cv",
    "m²": "m², m2, metro quadrado, metros quadrados",
    "km/h": "km/h",
}
_OWN = {
    ("m³, m3, metro cúbico, metros cúbicos", "cubic metre"),
    ("nm, n.m, n·m", "nm"),
    ("nit, nits", "nit"),
    ("l/h", "litres an hour"),
    ("l/min", "litres a minute"),
    ("btu, btus, btu/h, btus/h", "btu"),
    *((name, name) for name in listed("bar, psi, rpm, fps, dpi, lux, kj, pa, kpa, mbps, gbps, va, kva, atm, mca")),
}
UNITS = {
    form: ENGLISH_UNITS[english]
    for english, spellings in _SPELLINGS.items()
    for spelling in spellings.split(", ")
    for form in (spelling, without_accents(spelling) if spelling.isalpha() else spelling)
}
UNITS |= {spelling: (unit, Fraction(1)) for spellings, unit in _OWN for spelling in spellings.split(", ")}
# Too short to count as a unit after a spelled-out number.
BARE_UNITS = listed('m, g, l, h, w, v, a, t, s, gr, min, seg, pol, pa, va, mb, kb, nm, ", ″, ”')

"""The number words, months and units that the search for claims recognises, in lower case."""

from __future__ import annotations

from fractions import Fraction

from shelftalk.claims.words import listed

UNITS_AND_TEENS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
    """
TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMBERS = {word: value for value, word in enumerate(UNITS_AND_TEENS.split())}
NUMBERS |= {word: value for value, word in zip(range(30, 100, 10), TENS.split(), strict=True)}
ORDINAL_WORDS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
    """
ORDINALS = {word: value for value, word in enumerate(ORDINAL_WORDS.split(), start=1)}
MONTH_NAMES = """
    january jan, february feb, march mar, april apr, may, june jun, july jul, august aug, september sept sep,
    october oct, november nov, december dec
    """
MONTHS = {name: number for number, names in enumerate(MONTH_NAMES.split(","), start=1) for name in names.split()}

# Spellings, dimension, and factor to the base unit; only units of the same dimension are converted.
_UNITS: list[tuple[str, str, Fraction | int]] = [
    ("mm, millimetre, millimetres, millimeter, millimeters", "length", 1),
    ("cm, cms, centimetre, centimetres, centimeter, centimeters", "length", 10),
    ("m, metre, metres, meter, meters, mtr", "length", 1000),
    ("km, kilometre, kilometres, kilometer, kilometers", "length", 1_000_000),
    ("µm, μm, micron, microns", "length", Fraction(1, 1000)),
    ('", ″, ”, inch, inches, in', "imperial length", 1),
    ("ft, feet, foot", "imperial length", 12),
    ("yd, yds, yard, yards", "imperial length", 36),
    ("mile, miles", "imperial length", 63_360),
    ("µg, μg, mcg", "mass", Fraction(1, 1_000_000)),
    ("mg, milligram, milligrams", "mass", Fraction(1, 1000)),
    ("g, gr, gram, grams, gramme, grammes", "mass", 1),
    ("kg, kgs, kilo, kilos, kilogram, kilograms", "mass", 1000),
    ("t, ton, tons, tonne, tonnes", "mass", 1_000_000),
    ("oz, ounce, ounces", "imperial mass", 1),
    ("lb, lbs, pound, pounds", "imperial mass", 16),
    ("stone", "imperial mass", 224),
    ("ml, millilitre, millilitres, milliliter, milliliters", "volume", 1),
    ("cl, centilitre, centilitres", "volume", 10),
    ("l, litre, litres, liter, liters, ltr", "volume", 1000),
    ("fl oz, fl. oz., fl. oz, floz, fluid ounce, fluid ounces", "imperial volume", 1),
    ("pint, pints, pt", "pint", 1),
    ("quart, quarts, qt", "quart", 1),
    ("gallon, gallons, gal", "gallon", 1),
    ("second, seconds, sec, secs", "time", 1),
    ("minute, minutes, min, mins", "time", 60),
    ("hour, hours, hr, hrs, h", "time", 3600),
    ("day, days", "time", 86_400),
    ("week, weeks, wk, wks", "time", 604_800),
    ("month, months, mo, mos", "months", 1),
    ("year, years, yr, yrs", "months", 12),
    ("decade, decades", "months", 120),
    ("century, centuries", "months", 1200),
    ("w, watt, watts", "power", 1),
    ("kw, kilowatt, kilowatts", "power", 1000),
    ("v, volt, volts", "voltage", 1),
    ("a, amp, amps, ampere, amperes", "current", 1),
    ("mah", "charge", 1),
    ("ah", "charge", 1000),
    ("wh", "energy", 1),
    ("kwh", "energy", 1000),
    ("hz, hertz", "frequency", 1),
    ("khz", "frequency", 1000),
    ("mhz", "frequency", 1_000_000),
    ("ghz", "frequency", 1_000_000_000),
    ("kb", "bytes", 1),
    ("mb, megabyte, megabytes", "bytes", 1000),
    ("gb, gigabyte, gigabytes", "bytes", 1_000_000),
    ("tb, terabyte, terabytes", "bytes", 1_000_000_000),
    ("°c, ° c, ºc, c, degrees celsius, degrees c, celsius, degrees centigrade", "celsius", 1),
    ("°f, ° f, ºf, f, degrees fahrenheit, degrees f, fahrenheit", "fahrenheit", 1),
    ("°, degree, degrees, deg", "degree", 1),
    ("kcal, calorie, calories, cal", "food energy", 1),
    ("carat, carats, karat, karats, ct", "carat", 1),
    ("lumen, lumens, lm", "lumen", 1),
    ("gsm, g/m², g/m2", "grammage", 1),
    ("mp, megapixel, megapixels", "megapixel", 1),
    ("db, decibel, decibels", "decibel", 1),
    ("ohm, ohms, ω", "ohm", 1),
    ("horsepower, hp", "horsepower", 1),
    ("square metres, square meters, sq m, m², m2, sqm", "area", 1),
    ("square feet, sq ft, sq. ft., ft²", "imperial area", 1),
    ("acre, acres", "acre", 1),
    ("km/h, kph", "speed", 1),
    ("mph, miles per hour", "imperial speed", 1),
]
_UNITS += [
    (name, name, 1)
    for name in listed(
        "tog, bar, psi, rpm, fps, dpi, ppi, lux, kj, denier, hrc, iu, tsp, tbsp, nm, pa, kpa, mbps, gbps"
    )
]
UNITS = {
    spelling.strip(): (dimension, Fraction(factor))
    for spellings, dimension, factor in _UNITS
    for spelling in spellings.split(",")
}
# Too short or too ambiguous to count as a unit after a spelled-out number.
BARE_UNITS = listed(
    "m, g, l, h, w, v, a, c, f, t, in, ct, pt, cal, mo, deg, gr, min, sec, pa, nm, mb, kb, stone"
) | listed('second, seconds, ", ″, ”')

"""The words that the search for claims knows: materials, colours, units, places, and what is never a name.

Lists only, in lower case; which sense a word has in its place is decided in claim_terms.py and claim_names.py.
"""

from __future__ import annotations

from fractions import Fraction


def listed(text: str) -> frozenset[str]:
    """Return the words and phrases of a list with commas."""
    return frozenset(" ".join(one.split()) for one in text.split(",") if one.strip())


WOODS = listed(
    """
    oak, beech, birch, ash, elm, pine, cedar, maple, mahogany, teak, walnut, acacia, larch, hickory, willow, bamboo,
    ebony, rosewood, spruce, poplar, alder, cypress, sycamore, redwood, plywood, hardwood, softwood, driftwood, olive
    wood, cherry wood, birch plywood, beechwood, sandalwood, balsa, mdf, rattan, wicker, cane
    """
)
METALS = listed(
    """
    steel, stainless steel, carbon steel, chrome vanadium steel, chrome vanadium, damascus steel, tool steel, iron,
    cast iron, wrought iron, brass, bronze, phosphor bronze, copper, tin, pewter, zinc, nickel, chrome, aluminium,
    titanium, tungsten, platinum, sterling silver, silver, gold, rose gold, white gold, lithium, alloy
    """
)
WOOLS = listed(
    """
        merino, merino wool, lambswool, cashmere, alpaca, mohair, angora, sheepskin, virgin wool, shetland wool
        """
)
PLASTICS = listed(
    """
    pvc, polypropylene, polyethylene, polycarbonate, abs plastic, abs, acrylic, nylon, vinyl, melamine, polystyrene,
    eva, hdpe, perspex, bakelite
    """
)
OTHER_MATERIALS = listed(
    """
    wood, metal, wool, plastic, leather, suede, full-grain leather, patent leather, faux leather, vegan leather,
    protein leather, pu leather, faux fur, fur, cotton, linen, silk, satin, velvet, denim, canvas, fleece, polyester,
    recycled polyester, polyamide, elastane, spandex, lycra, viscose, rayon, modal, lyocell, tencel, corduroy, tweed,
    flannel, muslin, gauze, chiffon, hemp, jute, sisal, raffia, seagrass, flax, felt, wool felt, cloth, microfibre,
    microfiber, neoprene, ripstop nylon, gore-tex, organza, tulle, chenille, terry cloth, wood pulp, rubber, natural
    rubber, latex, silicone, foam, memory foam, cork, glass, mineral glass, sea glass, tempered glass, fibreglass,
    fiberglass, glass fibre, carbon fibre, crystal, ceramic, porcelain, bone china, stoneware, earthenware,
    terracotta, clay, enamel, marble, granite, slate, soapstone, stone, concrete, paper, cardboard, parchment, horn,
    bone, pearl, mother of pearl, ivory, coconut, resin, epoxy, beeswax, soy wax, wax, linseed oil, tung oil, twine,
    shell
    """
)
INGREDIENTS = listed(
    """
    shea butter, cocoa butter, aloe vera, aloe, almond oil, argan oil, jojoba oil, coconut oil, castor oil, tea tree
    oil, rosehip oil, hyaluronic acid, salicylic acid, glycolic acid, retinol, collagen, keratin, glycerin, glycerine,
    niacinamide, ceramides, witch hazel, panthenol, caffeine, vitamin a, vitamin b, vitamin c, vitamin d, vitamin e,
    vitamin k, biotin, zinc oxide, squalane, lanolin
    """
)
MATERIALS = WOODS | METALS | WOOLS | PLASTICS | OTHER_MATERIALS | INGREDIENTS

# What a narrower material is one of; colours likewise below.
BROADER = {
    **dict.fromkeys(WOODS, "wood"),
    **dict.fromkeys(METALS, "metal"),
    **dict.fromkeys(WOOLS, "wool"),
    **dict.fromkeys(PLASTICS, "plastic"),
    "suede": "leather",
    "navy": "blue",
    "turquoise": "blue",
    "crimson": "red",
    "scarlet": "red",
    "burgundy": "red",
    "charcoal": "grey",
    "emerald": "green",
}

# Materials that are often something else: they need a noun after them, or a preposition or another material before.
DOUBTFUL_MATERIALS = listed(
    """
    tin, glass, iron, felt, cloth, paper, horn, bone, pearl, stone, crystal, shell, wax, concrete, cane, ash, ivory,
    cherry, olive, modal, foam, wood pulp, coconut, twine, caffeine, clay, abs, alloy, fur, slate, willow
    """
)

# Doubtful materials that need no noun, only no article: printed on matte paper.
MASSES = listed("paper, clay, foam, fur")

COLOURS = listed(
    """
    red, blue, green, yellow, black, white, grey, brown, purple, pink, navy, teal, beige, turquoise, magenta, maroon,
    burgundy, crimson, scarlet, khaki, indigo, cyan, taupe, fuchsia, ecru, off-white, off white, mauve, ultramarine,
    vermilion, sepia, burnt sienna, burnt umber, cobalt, azure, tan, emerald, gunmetal, multicolour, multicolor, navy
    blue, anthracite, ochre, puce
    """
)
DOUBTFUL_COLOURS = listed(
    """
    orange, cream, olive, mustard, coral, oatmeal, lavender, rose, peach, lemon, lime, mint, chocolate, coffee,
    salmon, plum, aubergine, charcoal, amber, ruby, sapphire, jade, sand, rust, honey, champagne, blush, violet,
    lilac, chestnut, oat, natural, sage, ivory, aqua, caramel, denim, ink, petrol, sienna, umber, gold, silver,
    copper, bronze, slate, stone, pearl, nude, camel, berry
    """
)
SHADES = listed(
    """
    light, dark, pale, deep, bright, royal, sky, forest, bottle, moss, sage, mint, olive, lime, emerald, sea, dove,
    slate, charcoal, blush, dusty, hot, cherry, brick, rose, burnt, titanium, matte, matt, neon, pastel, midnight,
    baby, powder, navy, ivory, sea glass, hunter, ice, jet, snow, pure, blood, ruby, racing, bottle, apple, pea,
    steel, lemon, mustard, warm, cool, off, electric, petrol, duck egg, duck-egg, pillar box, military, army,
    chocolate, coral, salmon, candy, metallic, pearl, antique, sea-glass, fire, storm, ash, nut, wine
    """
)
COLOUR_NOUNS = listed(
    """
        colour, color, finish, hue, shade, tone, version, sky, cover, lining, trim, stripe, dress, shirt, paint
        """
)

# A word and what follows it that make the word no material and no colour; * stands for whatever follows.
IDIOMS = {
    "silver": listed("lining, medal, screen, bullet, spoon, age, jubilee, tongue, surfer, fox, award"),
    "gold": listed("medal, medals, standard, star, stars, rush, award, mine, digger, fever, coast"),
    "golden": listed(
        """
        rule, age, retriever, retrievers, gate, ratio, years, hour, eagle, syrup, oldies, ticket, opportunity
        """
    ),
    "iron": listed(
        """
        will, out, man, fist, grip, lady, curtain, deficiency, supplement, age, on, clad, cross, maiden, chef
        """
    ),
    "bronze": listed("medal, age, medals"),
    "steel": listed("nerves, drum, magnolias, band"),
    "glass": listed("ceiling, half"),
    "paper": listed("round, trail, tiger, clip, clips, jam"),
    "stone": listed("age, cold, throw"),
    "brass": listed("band, bands, section, quintet, monkey, tacks"),
    "marble": listed("run, runs, cake, arch"),
    "rubber": listed("stamp, soul, ducky"),
    "plastic": listed("surgery, surgeon, arts"),
    "ash": listed("tree, trees, wednesday"),
    "cotton": listed("candy, on, eye, club"),
    "silk": listed("road, route, screen"),
    "velvet": listed("underground, revolution"),
    "black": listed(
        """
        friday, market, magic, pepper, tea, hole, holes, belt, sheep, death, widow, humour, humor, ops, beans,
        comedy, out
        """
    ),
    "white": listed("house, noise, wine, lie, lies, flag, paper, collar, tea, bread, christmas, water"),
    "red": listed(
        """
        wine, carpet, tape, herring, cross, army, planet, sox, alert, pepper, light, handed, hot
        """
    ),
    "green": listed("tea, thumb, fingers, light, card, beret, beans, salad, party, room, peas, energy"),
    "blue": listed("cheese, chip, moon, collar, whale, ribbon, note, print, grass"),
    "brown": listed("sugar, bread, rice, bear, bears, university"),
    "yellow": listed("pages, fever"),
    "pink": listed("floyd, slip, panther, salmon, lady"),
    "purple": listed("heart, prose, patch, haze, rain"),
    "orange": listed("juice, blossom, peel, zest, county, prize, marmalade, tree, crush, oil, groves"),
    "olive": listed("oil, oils, tree, trees, grove, groves, branch"),
    "lavender": listed("oil, water, field, fields, plant, scent"),
    "rose": listed("oil, water, petal, petals, bush, garden, hip, to"),
    "lemon": listed("juice, peel, zest, tree, balm"),
    "mint": listed("condition, leaves, sauce, tea"),
    "cream": listed("cheese, of, tea"),
    "wood": listed("pecker, burning, stock"),
    "leather": listed("bound, neck"),
    "slate": listed("clean, magazine"),
}

# What before a word makes it food or ointment.
FOODS_BEFORE = {
    "cream": listed(
        """
        hand, face, ice, body, shaving, night, day, eye, foot, sour, whipped, clotted, double, single, skin, cold
        """
    ),
    "orange": listed("blood, juicy, fresh, bitter"),
    "chocolate": listed("dark, milk, hot, white, fine"),
    "coffee": listed("black, hot, fresh, ground"),
    "lemon": listed("fresh, of"),
}

SPELLINGS = {
    "aluminum": "aluminium",
    "gray": "grey",
    "wooden": "wood",
    "oaken": "oak",
    "woollen": "wool",
    "woolen": "wool",
    "golden": "gold",
    "beechwood": "beech",
    "fiberglass": "fibreglass",
    "silvery": "silver",
    "earthen": "earthenware",
    "silken": "silk",
    "color": "colour",
    "microfiber": "microfibre",
    "matt": "matte",
}

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

# Spellings, dimension, and how many base units: only dimensions of one name are converted into one another.
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
    ("ohm, ohms, Ω", "ohm", 1),
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
# Too short, or too common as another word, to follow a number that is written as a word.
BARE_UNITS = listed(
    "m, g, l, h, w, v, a, c, f, t, in, ct, pt, cal, mo, deg, gr, min, sec, pa, nm, mb, kb, stone"
) | listed('second, seconds, ", ″, ”')

# Abbreviations and words with a capital that name no person, place, make or mark.
NOT_NAMES = listed(
    """
    i, i'm, i've, i'd, i'll, mum, dad, mom, mummy, daddy, grandma, grandpa, granny, grandad, santa, god, lord, sir,
    madam, monday, tuesday, wednesday, thursday, friday, saturday, sunday, mondays, tuesdays, wednesdays, thursdays,
    fridays, saturdays, sundays, christmas, easter, halloween, hanukkah, thanksgiving, valentine's, mother's,
    father's, new year, led, leds, usb, hdmi, dvd, cd, cds, dvds, vhs, tv, tvs, bpa, uv, diy, faq, pc, pcs, lcd, gps,
    ac, dc, rgb, id, ok, ce, eu, uk, us, usa, mp, xl, am, pm, stem, isbn, pdf, dna, url, vip, hd, uhd, cpu, gpu, ram,
    ssd, sd, sim, aa, aaa, ii, iii, iv, vi, vii, spf, rrp, asap, tba, note, free, not, no, only, all, and, for, with,
    warning, caution, copyright, bonus, sale, plus, features, includes, hi-fi, t-shirt, t-shirts, mr, mrs, ms, dr
    """
) | frozenset(MONTHS) - {"may"}
WEEKDAYS = listed("monday, tuesday, wednesday, thursday, friday, saturday, sunday")
ROMAN_NUMERALS = listed("ii, iii, iv, vi, vii, viii, ix, xi, xii, xiii, xiv")
LEADING_WORDS = listed(
    """
        daily, weekly, new, north, south, east, west, saint, great, los, san, royal, black, national
        """
)
NOT_NAMES -= {"ce", "usa", "uk", "us", "eu", "mr", "mrs", "ms", "dr"}
TITLES = listed(
    """
        mr, mrs, ms, miss, dr, prof, professor, sir, lady, lord, saint, st, king, queen, prince, princess,
        inspector, captain, aunt, uncle, mt, mount, lake
        """
)

PLACES = listed(
    """
    africa, asia, europe, america, england, scotland, wales, ireland, britain, france, germany, italy, spain,
    portugal, greece, turkey, sweden, norway, denmark, finland, iceland, poland, austria, switzerland, belgium,
    holland, netherlands, russia, ukraine, japan, china, india, nepal, thailand, vietnam, korea, taiwan, indonesia,
    malaysia, australia, canada, mexico, brazil, peru, chile, argentina, colombia, ecuador, kenya, ethiopia, egypt,
    morocco, israel, iran, iraq, london, paris, berlin, rome, madrid, lisbon, vienna, dublin, edinburgh, glasgow,
    oslo, stockholm, copenhagen, amsterdam, brussels, tokyo, beijing, sydney, melbourne, toronto, chicago, boston,
    california, texas, florida, hollywood, manhattan, brooklyn, oxford, cambridge, yorkshire, cornwall, devon, kent,
    tuscany, provence, usa, uk, new york, seville, barcelona, venice, florence, naples, milan, munich, hamburg,
    prague, budapest, istanbul, moscow, delhi, mumbai, shanghai, washington, seattle, philadelphia, hungary, romania,
    bulgaria, croatia, lithuania, latvia, estonia, cuba, jamaica, pakistan, bangladesh, singapore, philippines
    """
)
ORIGINS = listed(
    """
    african, asian, european, american, english, scottish, welsh, irish, british, french, german, italian, spanish,
    portuguese, greek, turkish, swedish, norwegian, danish, finnish, icelandic, polish, austrian, swiss, belgian,
    dutch, russian, ukrainian, japanese, chinese, indian, nepalese, thai, vietnamese, korean, indonesian, australian,
    canadian, mexican, brazilian, peruvian, argentinian, colombian, kenyan, ethiopian, egyptian, moroccan, israeli,
    iranian, persian, victorian, edwardian, georgian, roman, latin, celtic, scandinavian, cornish, tuscan, parisian,
    hungarian, romanian, jewish, christian, catholic, muslim, buddhist
    """
) - {"polish"}
PEOPLE = listed(
    """
    anna, alice, amy, andrew, anne, anthony, barbara, ben, charles, charlotte, christopher, claire, daniel, david,
    deborah, diana, dorothy, edward, eleanor, elizabeth, ellen, elsie, emily, emma, eric, florence, george, hannah,
    harriet, harry, helen, henry, ian, isabel, jack, jacob, james, jane, janet, jennifer, jessica, jim, joan, john,
    jonathan, joseph, joshua, judith, julia, karen, kate, katherine, kevin, laura, lewis, linda, lisa, louise, lucy,
    margaret, maria, marion, martha, martin, mary, matthew, michael, michelle, nancy, nicholas, oliver, olivia,
    patricia, paul, peggy, peter, philip, rachel, rebecca, richard, robert, roger, rosie, ruth, samuel, sarah, simon,
    sophie, stephen, steven, susan, thomas, tom, victoria, walter, william
    """
)
KNOWN_NAMES = PLACES | ORIGINS | PEOPLE

FUNCTION_WORDS = listed(
    """
    a, an, the, this, that, these, those, my, your, his, her, its, our, their, it, he, she, we, you, they, i, and, or,
    but, nor, so, yet, if, when, while, as, than, of, in, on, at, by, for, from, to, with, without, into, onto, over,
    under, up, down, out, off, about, is, are, was, were, be, been, being, has, have, had, do, does, did, will, would,
    can, could, may, might, must, shall, should, not, no, all, any, each, every, some, what, who, whom, whose, which,
    where, why, how, there, here, then, now, just, also, too, very, more, most, such, only, own, same, both, either,
    neither, few, many, much, other, another, one, set, let, because, since, until, after, before, through, during,
    between, against, within, per, via, like, perfect, great, made, makes, comes, use, get, keep, plus, whether, once,
    it's, that's, you'll, you're, he's, she's, we're, they're, don't, doesn't, there's, here's, what's, let's, isn't,
    won't, can't
    """
)

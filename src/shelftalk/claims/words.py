"""The materials and colours that the search for claims recognises, in lower case.

These are only lists: terms.py decides in which sense a word is used.
"""

from __future__ import annotations


def listed(text: str) -> frozenset[str]:
    """Return the words and phrases of a comma-separated list."""
    return frozenset(" ".join(one.split()) for one in text.split(",") if one.strip())


WOODS = listed(
    """
    eucalyptus, boxwood, brazilwood, sapele, basswood, oak, beech, birch, ash, elm, pine, cedar, maple, mahogany,
    teak, walnut, acacia, larch, hickory, willow, bamboo, ebony, rosewood, spruce, poplar, alder, cypress, sycamore,
    redwood, plywood, hardwood, softwood, driftwood, olive wood, cherry wood, lime wood, birch plywood, beechwood,
    sandalwood, balsa, mdf, rattan, wicker, cane
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

# Maps a narrower material or colour to its broader term.
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

# Words that are materials in one sense only: they need a noun after them, or a preposition or a material before.
AMBIGUOUS_MATERIALS = listed(
    """
    tin, glass, iron, felt, cloth, paper, horn, bone, pearl, stone, crystal, shell, wax, concrete, cane, ash, ivory,
    cherry, olive, modal, foam, wood pulp, coconut, twine, caffeine, clay, abs, alloy, fur, slate, willow
    """
)

# Ambiguous materials that need no noun after them, but a word other than a determiner before: on matte paper.
MASS_NOUNS = listed("paper, clay, foam, fur")

COLOURS = listed(
    """
    red, blue, green, yellow, black, white, grey, brown, purple, pink, navy, teal, beige, turquoise, magenta, maroon,
    burgundy, crimson, scarlet, khaki, indigo, cyan, taupe, fuchsia, ecru, off-white, off white, mauve, ultramarine,
    vermilion, sepia, burnt sienna, burnt umber, cobalt, azure, tan, emerald, gunmetal, multicolour, multicolor, navy
    blue, anthracite, ochre, puce
    """
)
AMBIGUOUS_COLOURS = listed(
    """
    orange, cream, olive, mustard, coral, oatmeal, lavender, rose, peach, lemon, lime, mint, chocolate, coffee,
    salmon, plum, aubergine, charcoal, amber, ruby, sapphire, jade, sand, rust, honey, champagne, blush, violet,
    lilac, chestnut, oat, natural, sage, ivory, aqua, caramel, denim, petrol, sienna, umber, gold, silver,
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
    colour, color, colours, colors, finish, hue, shade, tone, version, sky, cover, covers, lining, trim, stripe,
    stripes, dress, shirt, paint, zip, zips, strap, straps, handle, handles, lid, lids, thread, stitching, laces,
    button, buttons, ribbon, band, bands, bow, rim, shell, sole, soles, fabric, upholstery, curtains, sofa, jumper,
    sweater, cardigan, coat, jacket, scarf, hat, gloves, socks, trousers, skirt, blouse, walls, tiles, glaze, ink,
    grips, wheels, frame, casing, body, base, cushion, cushions, yarn, wool, light, spots, dots, checks
    """
)

# Words that are no material or colour before the given words; * matches any word.
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
        wine, carpet, tape, herring, cross, army, planet, sox, alert, pepper, handed, hot
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

FOODS = listed(
    "honey, lemon, lime, mint, chocolate, coffee, salmon, plum, orange, peach, lavender, rose, oat, caramel, berry"
)
# Words that mark the next word as food or ointment.
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

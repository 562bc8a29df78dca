"""The Portuguese names of materials and colours, each with the word that stands for it in all languages.

That word is English where there is one, so that attributes in English state what a Portuguese text claims. A material
of several words needs the words of each ("aço inox": steel, stainless).
"""

from __future__ import annotations

from collections.abc import Collection

from shelftalk.claims.portuguese.inflection import forms
from shelftalk.claims.words import BROADER, COLOURS, MATERIALS, listed


def _pairs(text: str) -> dict[str, tuple[str, ...]]:
    """Read "name=word word" pairs that commas separate; a name without a word stands for itself."""
    found = {}
    for one in text.split(","):
        name, _, words = " ".join(one.split()).partition("=")
        found[name] = tuple(words.split()) or (name,)
    return found


WOODS = _pairs(
    """
    mogno=mahogany, carvalho=oak, pinus=pine, pinho=pine, pínus=pine, eucalipto=eucalyptus, cedro=cedar, teca=teak,
    nogueira=walnut, acácia=acacia, faia=beech, bétula=birch, bambu=bamboo, ébano=ebony, jacarandá=rosewood, ipê,
    imbuia, jequitibá, freijó, peroba, cumaru, tauari, jatobá, cerejeira=cherry, oliveira=olive, freixo=ash,
    bordo=maple, balsa=balsa, seringueira, angelim, garapeira, sucupira, tamburi, cabreúva, sândalo=sandalwood, mdf=mdf,
    mdp, compensado=plywood, rattan=rattan, ratã=rattan, vime=wicker
    """
)
METALS = _pairs(
    """
    aço=steel, inox=steel stainless, ferro=iron, alumínio=aluminium, latão=brass, bronze=bronze, cobre=copper,
    estanho=tin, zinco=zinc, níquel=nickel, cromo=chrome, titânio=titanium, tungstênio=tungsten, prata=silver,
    ouro=gold, lata=tin, zamac, folheado=plated
    """
)
PLASTICS = _pairs(
    """
    pvc=pvc, polipropileno=polypropylene, pp=polypropylene, polietileno=polyethylene, policarbonato=polycarbonate,
    abs=abs, acrílico=acrylic, náilon=nylon, nylon=nylon, nailon=nylon, vinil=vinyl, melamina=melamine, acetato=acetate,
    poliestireno=polystyrene, isopor=polystyrene, eva=eva, baquelite=bakelite, tpe, pet, tritan
    """
)
OTHER_MATERIALS = _pairs(
    """
    madeira=wood, metal=metal, metálico=metal, metálica=metal, plástico=plastic, couro=leather, courino=leather faux,
    corino=leather faux, camurça=suede, suede=suede, nobuck=nubuck, pelica=leather, pu=pu, algodão=cotton, linho=linen,
    seda=silk, cetim=satin, veludo=velvet, jeans=denim, brim=denim, sarja=twill, tricoline=poplin, percal=percale,
    lã=wool, merino=merino, caxemira=cashmere, cashmere=cashmere, alpaca=alpaca, feltro=felt, flanela=flannel,
    fleece=fleece, moletom=fleece, poliéster=polyester, poliamida=polyamide, elastano=elastane, lycra=lycra,
    viscose=viscose, modal=modal, liocel=lyocell, tencel=tencel, lona=canvas, canvas=canvas, neoprene=neoprene,
    microfibra=microfibre, chenille=chenille, tule=tulle, renda=lace, cânhamo=hemp, juta=jute, sisal=sisal,
    ráfia=raffia, palha=straw, palhinha=straw, borracha=rubber, látex=latex, silicone=silicone, espuma=foam,
    cortiça=cork, vidro=glass, cristal=crystal, cerâmica=ceramic, porcelana=porcelain, faiança=earthenware,
    grés=stoneware, barro=clay, argila=clay, gesso=plaster, esmalte=enamel, mármore=marble, granito=granite,
    ardósia=slate, pedra-sabão=soapstone, pedra=stone, concreto=concrete, cimento=cement, papel=paper,
    papelão=cardboard, osso=bone, chifre=horn, pérola=pearl, madrepérola=pearl mother, marfim=ivory, resina=resin,
    epóxi=epoxy, parafina=paraffin, cera=wax, grafite=graphite, titanium=titanium
    """
)
# Names of several words, beside those that `terms.py` joins: steel, glass, leather, a wood and the like.
PHRASES = _pairs(
    """
    fibra de vidro=fibreglass, fibra de carbono=carbon fibre, fibra de coco=coconut fibre, manteiga de karité=shea
    butter, manteiga de cacau=cocoa butter, óleo de coco=coconut oil, óleo de argan=argan oil, óleo de rícino=castor
    oil, óleo de amêndoas=almond oil, óleo de jojoba=jojoba oil, ácido hialurônico=hyaluronic acid, aloe vera=aloe vera,
    vitamina c=vitamin c, vitamina e=vitamin e, cera de soja=wax soy, cera de abelha=beeswax, cera de carnaúba=wax
    carnauba, memory foam=foam memory, off white=white off, cor de rosa=pink, osso de porcelana=porcelain bone, madeira
    de lei=wood hardwood, compensado naval=plywood marine
    """
)
# Words behind a material or colour that make it a narrower one: "vidro temperado", "aço inoxidável", "couro sintético".
KINDS = _pairs(
    """
    inox=stainless, inoxidável=stainless, pu=pu, carbono=carbon, cromado=chrome, galvanizado=galvanised, forjado=forged,
    cirúrgico=surgical, damasco=damascus, cromo-vanádio=chrome vanadium, fundido=cast, temperado=tempered,
    borossilicato=borosilicate, sintético=faux, ecológico=vegan, vegano=vegan, ecológica=vegan, cartão=card,
    kraft=kraft, reciclado=recycled, merino=merino, egípcio=egyptian, pima=pima, canelado=ribbed
    """
)
COLOUR_NAMES = _pairs(
    """
    vermelho=red, azul=blue, verde=green, amarelo=yellow, preto=black, negro=black, negra=black, branco=white,
    cinza=grey, cinzento=grey, grafite=grey graphite, marrom=brown, castanho=brown, castanha=brown, roxo=purple,
    lilás=lilac, violeta=violet, rosa=pink, pink=pink, rosé=rose, bege=beige, turquesa=turquoise, magenta=magenta,
    bordô=burgundy, vinho=burgundy, carmim=crimson, escarlate=scarlet, cáqui=khaki, índigo=indigo, ciano=cyan,
    fúcsia=fuchsia, anil=indigo, marinho=navy, terracota=terracotta, dourado=gold, prateado=silver, acobreado=copper,
    bronzeado=bronze, bronzeada=bronze, alaranjado=orange, laranja=orange, azulado=blue, esverdeado=green,
    avermelhado=red, creme=cream, prata=silver, ouro=gold, cobre=copper, café=coffee, chocolate=chocolate,
    mostarda=mustard, menta=mint, limão=lime, pêssego=peach, salmão=salmon, oliva=olive, areia=sand, gelo=ice,
    caramelo=caramel, mel=honey, canela=cinnamon, coral=coral, musgo=moss, chumbo=lead, champanhe=champagne, cru=ecru,
    crua=ecru, ferrugem=rust, nude=nude, tabaco=tobacco, lavanda=lavender, âmbar=amber, rubi=ruby, esmeralda=emerald,
    safira=sapphire, jade=jade, goiaba=guava, telha=tile, berinjela=aubergine, cereja=cherry, petróleo=petrol,
    celeste=sky, uva=grape, ameixa=plum, palha=straw, marfim=ivory, ocre=ochre, mogno=mahogany, nogueira=walnut,
    tiffany=tiffany
    """
)
# Words that are a colour in one sense only: they need another colour, the word "cor" or the named thing before them.
AMBIGUOUS_COLOURS = listed(
    """
    rosa, vinho, laranja, creme, prata, ouro, cobre, café, chocolate, mostarda, menta, limão, pêssego, salmão, oliva,
    areia, gelo, caramelo, mel, canela, coral, musgo, chumbo, champanhe, cru, crua, ferrugem, nude, tabaco, lavanda,
    âmbar, rubi, esmeralda, safira, jade, goiaba, telha, berinjela, cereja, petróleo, celeste, uva, ameixa, palha,
    marfim, grafite, violeta, marinho, castanho, castanha, negra, bronzeada, rosé, mogno, nogueira, pink, tiffany,
    negro, bronzeado, ocre
    """
)
SHADES = _pairs(
    """
    claro=light, escuro=dark, marinho=navy, bebê=baby, royal=royal, petróleo=petrol, turquesa=turquoise, celeste=sky,
    céu=sky, bic=bic, tiffany=tiffany, água=sea, limão=lime, musgo=moss, oliva=olive, militar=army, bandeira=flag,
    menta=mint, esmeralda=emerald, sálvia=sage, pastel=pastel, choque=hot, antigo=antique, chá=tea, queimado=burnt,
    chumbo=lead, mescla=melange, grafite=graphite, cereja=cherry, sangue=blood, ouro=gold, canário=canary, neon=neon,
    fosco=matte, metálico=metallic, brilhante=glossy, vivo=bright, intenso=deep, gelo=ice, nude=nude, pink=hot,
    acinzentado=grey, esverdeado=green, azulado=blue, avermelhado=red
    """
)
# Words that are a material in one sense only: they need "de", "em" or the like before them, or another material.
AMBIGUOUS_MATERIALS = listed(
    """
    ferro, prata, ouro, cobre, papel, pedra, osso, cera, lata, borracha, espuma, palha, esmalte, concreto, cristal,
    pérola, renda, eva, pet, pp, bordo, oliveira, cerejeira, nogueira, cromo, pu, modal, grafite, chifre, marfim, lona,
    plástico, folheado, barro, compensado, balsa, vidro, titanium, jeans, mogno, acrílico
    """
)
# Words that are no material or colour before, or (with a leading "<") behind the given words.
IDIOMS = {
    "ferro": listed("de passar, de solda, a vapor, elétrico"),
    "papel": listed("de parede, de presente, importante, fundamental, higiênico, alumínio"),
    "lata": listed("de lixo, de tinta"),
    "pedra": listed("de amolar, pomes"),
    "borracha": listed("escolar, branca"),
    "branco": listed("<vinho, <arroz, <chocolate, <ouro, <em, <pão, <açúcar, <queijo, <molho"),
    "branca": listed("<carta, <arma, <farinha, <carne"),
    "verde": listed("<chá, <área, <áreas, <energia, <vinho, <cheiro, <milho, <banana, <sinal, <café"),
    "verdes": listed("<áreas, <folhas"),
    "vermelha": listed("<cruz, <carne, <pimenta, <fruta, <cebola"),
    "vermelhas": listed("<frutas, <carnes"),
    "vermelho": listed("<tapete, <alerta"),
    "amarelas": listed("<páginas"),
    "preto": listed("<feijão, <chá, <ouro, <humor"),
    "preta": listed("<pimenta, <caixa, <azeitona"),
    "pretas": listed("<azeitonas"),
    "negro": listed("<buraco, <humor, <mercado"),
    "negra": listed("<ovelha"),
    "roxo": listed("<repolho"),
    "roxa": listed("<cebola, <batata"),
    "azul": listed("<queijo, <sangue"),
    "dourado": listed("<pão, <frango"),
    "cristal": listed("<açúcar, <cristal"),
    "rosa": listed("<sal, <mosqueta, mosqueta, <óleo, dos, <pimenta"),
    "cru": listed("<peixe"),
}


def _spelled(names: dict[str, tuple[str, ...]], adjectives: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the words by every form of their names."""
    return {form: words for name, words in names.items() for form in forms(name, name in adjectives)}


MATERIAL_FORMS = _spelled(WOODS | METALS | PLASTICS | OTHER_MATERIALS)
WOOD_FORMS = frozenset(_spelled(WOODS))
COLOUR_FORMS = _spelled(COLOUR_NAMES, COLOUR_NAMES.keys() - AMBIGUOUS_COLOURS)
KIND_FORMS = _spelled(KINDS, KINDS)
SHADE_FORMS = _spelled(SHADES, SHADES)
AMBIGUOUS_MATERIAL_FORMS = frozenset(form for name in AMBIGUOUS_MATERIALS for form in forms(name, False)) | {"la"}
AMBIGUOUS_COLOUR_FORMS = frozenset(form for name in AMBIGUOUS_COLOURS for form in forms(name, False))
ENGLISH = frozenset(one for one in MATERIALS | COLOURS if one.isalpha())

BROADER_TERMS = {
    **BROADER,
    **{word: "wood" for words in WOODS.values() for word in words},
    **{word: "metal" for words in METALS.values() for word in words if word not in ("stainless", "plated")},
    **{word: "plastic" for words in PLASTICS.values() for word in words},
    "merino": "wool",
    "cashmere": "wool",
    "alpaca": "wool",
    "lilac": "purple",
    "violet": "purple",
}

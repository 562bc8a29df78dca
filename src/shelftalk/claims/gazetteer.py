"""Lists of names, and of capitalised words that are not names; all in lower case."""

from __future__ import annotations

from shelftalk.claims.units import MONTHS
from shelftalk.claims.words import listed

# Abbreviations and capitalised words that are not the name of a person, place or brand.
NOT_NAMES = listed(
    """
    i, i'm, i've, i'd, i'll, mum, dad, mom, mummy, daddy, grandma, grandpa, granny, grandad, santa, god, monday,
    tuesday, wednesday, thursday, friday, saturday, sunday, mondays, tuesdays, wednesdays, thursdays, fridays,
    saturdays, sundays, christmas, easter, halloween, hanukkah, thanksgiving, valentine's, mother's, father's, new
    year, led, leds, usb, hdmi, dvd, cd, cds, dvds, vhs, tv, tvs, bpa, uv, diy, faq, pc, pcs, lcd, gps, ac, dc, fm,
    rgb, eve, id, ok, mp, xl, am, pm, stem, isbn, pdf, dna, url, vip, hd, uhd, cpu, gpu, ram, ssd, sd, sim, aa, aaa,
    ii, iii, iv, vi, vii, spf, rrp, asap, tba, note, free, not, no, only, all, and, for, with, warning, caution,
    copyright, bonus, sale, plus, features, includes, hi-fi, t-shirt, t-shirts
    """
) | frozenset(MONTHS) - {"may"}
WEEKDAYS = listed("monday, tuesday, wednesday, thursday, friday, saturday, sunday")
ROMAN_NUMERALS = listed("ii, iii, iv, vi, vii, viii, ix, xi, xii, xiii, xiv")
LEADING_WORDS = listed(
    """
    daily, weekly, new, north, south, east, west, saint, great, los, san, royal, black, national
    """
)
TITLES = listed(
    """
    mr, mrs, ms, miss, dr, prof, professor, sir, lady, lord, saint, st, king, queen, prince, princess, inspector,
    captain, aunt, uncle, mt, mount, lake
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
    adam, agnes, alan, albert, alex, alexander, alfred, amanda, angela, angelina, antonio, archie, arthur, ava,
    beatrice, benjamin, bella, brenda, brian, bruce, carl, carlos, carol, caroline, catherine, cecilia, clara, colin,
    craig, cynthia, dennis, derek, donald, donna, douglas, edith, edwin, elena, eliza, ella, esther, ethan, eva,
    evelyn, fiona, francis, frank, fred, frederick, gary, geoffrey, gerald, gillian, gloria, gordon, graham, gregory,
    gwen, harold, heather, heidi, helena, hugo, irene, isabella, ivan, jason, jean, jeffrey, jenny, jeremy, joanna,
    johnny, josephine, judy, julian, juliet, justin, keith, kenneth, larry, lawrence, leonard, liam, lorenzo, luca,
    lucia, luke, mabel, malcolm, marcus, margot, marie, marilyn, marjorie, mathilda, matilda, maya, mia, mildred,
    millie, miranda, monica, naomi, natalie, nathan, neil, nigel, noah, norman, oscar, pamela, patrick, pauline,
    penelope, phoebe, ralph, raymond, ronald, rupert, russell, ryan, sally, sam, sandra, scott, sean, sebastian,
    sharon, sheila, shirley, sofia, stella, stuart, sylvia, teresa, theodore, theresa, timothy, tobias, tony, ursula,
    vanessa, vera, vincent, vivian, wendy, winston, yvonne, zoe,
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

"""The words of English that the rules of style look for, and those that look alike and are none, in lower case."""

from __future__ import annotations

import re

from shelftalk.claims.words import listed

# Acronyms and units that are in capitals in any text.
ACRONYMS = listed(
    """
    aa, aaa, abs, ac, am, bbq, bpa, cd, cds, ce, cpu, crt, dab, dc, diy, dj, dna, dslr, dvd, dvds, eu, eva, fhd, fm,
    fsc, gots, gps, gpu, gsm, hd, hdmi, hdpe, hvac, ip, ips, iso, lan, lcd, led, leds, lgbt, mdf, nasa, nfc, nhs, oled,
    pc, pcs, pdf, pet, pla, pm, ps, pu, pvc, qr, ram, rca, rfid, rgb, rohs, rpm, rv, sd, sim, spf, ssd, suv, tft, tpe,
    tpu, tv, tvs, uhd, uhf, uk, un, us, usa, usb, uv, uva, uvb, vga, vhf, vhs, vip, wc, xl, xs, xxl, ip65, ip67
    """
)

PERSON = listed("we, our, ours, us, my, myself, ourselves, me, mine")
# A mine is a place of work, unless one of these stands before it.
BEFORE_MINE = listed("of, is, are, was, were, be, like, than, as, not")
BEFORE_NUMERAL = listed(
    """
    part, type, class, volume, vol, book, chapter, phase, level, grade, category, section, war, stage, group, act,
    scene, series, mark, mk, version, edition, episode, appendix, title, annex, season, number, no, figure, table
    """
)
# These begin a sentence before I; after another word with a capital, I is a numeral.
BEFORE_PRONOUN = listed(
    """
    after, although, and, as, because, before, but, can, could, do, here, how, if, may, now, once, or, should, since,
    so, that, then, this, though, today, until, what, when, where, whether, which, while, who, why, will, yes, yesterday
    """
)

# Superlatives that a name may hold, too: they count also where a capital stands within a sentence.
SUPERLATIVES = listed(
    """
    best, worst, finest, greatest, ultimate, unbeatable, unrivalled, unrivaled, unmatched, unparalleled, unsurpassed,
    unequalled, unequaled, foremost, biggest, cheapest, fastest, strongest, softest, smartest, safest, sharpest
    """
)
NO_SUPERLATIVES = listed(
    """
    abreast, afforest, armrest, arrest, attest, backrest, beast, behest, bequest, blest, breast, chest, conquest,
    contest, crest, deforest, detest, digest, dishonest, disinterest, divest, earnest, east, everest, feast, fest,
    footrest, forest, guest, harvest, headrest, hillcrest, honest, houseguest, immodest, incest, infest, ingest,
    inquest, interest, invest, jest, latest, least, legrest, lest, manifest, midwest, modest, molest, nearest, nest,
    northeast, northwest, palimpsest, palmrest, pest, pretest, priest, protest, quest, rainforest, redbreast, reforest,
    reinvest, request, rest, retest, southeast, southwest, spoonrest, suggest, tempest, test, unrest, vest, west, wrest,
    wristrest, yeast, zest, oktoberfest, sweatvest, undervest, gilest, lifevest, handrest, kneerest, neckrest
    """
)
# A superlative before one of these measures a thing and does not praise it: at the widest point.
MEASURED = listed(
    """
    point, points, part, parts, side, sides, edge, end, level, setting, settings, size, sizes, position, shelf, rung,
    height, speed, temperature, heat, row, layer, hole, notch, button, gear, flame, piece, pieces
    """
)
# With one of these, best says how or when, and not that a thing is better than others.
AFTER_BEST = listed(
    """
    before, used, kept, served, suited, stored, eaten, enjoyed, worn, viewed, washed, left, seen, with, in, at, on, for,
    when, if, friend, friends, man, wishes, regards, practice, practices
    """
)
BEFORE_BEST = listed("work, works, working, look, looks, grow, grows, taste, tastes, fit, fits, as, at")

# What may stand after most without an article before it: most comfortable, but not most vegetables.
ADJECTIVE = re.compile(r"\w+(?:able|ible|ful|ous|ive|ical|ional|less|some)")
ADJECTIVES = listed(
    """
    advanced, trusted, loved, wanted, beloved, admired, respected, popular, elegant, important, efficient, convenient,
    brilliant, modern, luxurious, secure, durable, exquisite, unique, accurate, precise, exciting, stunning, amazing,
    famous, demanding, versatile, delicate, intricate, stylish, realistic, fantastic, authentic, complete
    """
)
NOUNS = listed("vegetable, table, cable, stable, olive, adhesive, locomotive, archive, five, drive, hive, handful")

# What advertising says of anything, and what models write where they have nothing to say.
ADVERTISING = (
    *("act now", "amazing*", "awesome", "bargain*", "best ever", "buy now", "can't go wrong", "cheap", "cheapest"),
    *("crafted with care", "cutting-edge", "don't miss", "effortless*", "elevate*", "fantastic", "for free"),
    *("game-changer", "game-changing", "guarantee*", "hassle-free", "high-quality", "hurry", "ideal for any"),
    *("incredibl*", "indulge*", "look no further", "limited time", "luxurious*", "must-have", "next level"),
    *("no-brainer", "once in a lifetime", "order now", "perfect for any", "premium", "revolutionary", "say goodbye to"),
    *("seamless*", "state-of-the-art", "stunning*", "top-notch", "transform your", "unleash*", "unlock*"),
    *("unparalleled", "unrivalled", "world-class", "you deserve"),
)
# Words that say nothing of a text's voice: a phrase of these alone is no rule.
FUNCTION_WORDS = listed(
    """
    a, an, and, are, as, at, be, by, can, for, from, has, have, in, into, is, it, its, not, of, on, or, that, the,
    their, them, these, they, this, to, was, will, with, you, your, s
    """
)

"""British and American spellings: a line has both spellings of a word, and the endings that follow either.

An ending with + is a beginning: "colour color: s +water" also gives watercolour and watercolor. Words whose spelling
tells nothing without their meaning are left out: check, disc, license, program in Britain, specialty, vice.
"""

from __future__ import annotations

# Each spelling is wrong in the other country.
BOTH = """
aluminium aluminum:
anaemia anemia:
anaemic anemic:
anaesthetic anesthetic: s
analyse analyze: d r rs
analysing analyzing:
armour armor: ed s y +body
artefact artifact: s
behaviour behavior: al s
bevelled beveled:
bevelling beveling:
calibre caliber: s
cancelled canceled:
cancelling canceling:
candour candor:
carburettor carburetor: s
catalyse catalyze: d
centilitre centiliter: s
centimetre centimeter: s
centre center: d piece pieces s +epi
centring centering:
channelled channeled:
chequered checkered:
chiselled chiseled:
chiselling chiseling:
clamour clamor: s
colour color: block ed ful fully ing ings ist less s way ways +bi +dis +multi +tri +water +un +techni +off
coloured colored: +multi +water +tri +un +dis
colourise colorize: d r s
colours colors: +water
cosy cozy:
cosier cozier:
cosies cozies:
cosiest coziest:
cosily cozily:
cosiness coziness:
counsellor counselor: s
defence defense: less s
demeanour demeanor:
dialled dialed:
diarrhoea diarrhea:
draughty drafty:
duelling dueling:
enamelled enameled:
enamelling enameling:
endeavour endeavor: ed s
enrol enroll: s
enrolment enrollment: s
favour favor: able ably ed ing s
favourite favorite: s
fervour fervor:
fibre fiber: board boards s +micro +glass
fibres fibers: +micro
flavour flavor: ed ful ing ings less s some
foetal fetal:
fuelled fueled:
fuelling fueling:
fulfil fulfill: s
fulfilment fulfillment:
funnelled funneled:
grey gray: er ish s
gynaecological gynecological:
haemorrhage hemorrhage:
harbour harbor: ed ing s
honour honor: able ed ing s
honourable honorable: +dis
humour humor: ed less
initialled initialed:
instalment installment: s
jewelled jeweled:
jeweller jeweler: s y
jewellery jewelry:
kilolitre kiloliter: s
kilometre kilometer: s
labelled labeled: +un
labelling labeling:
labour labor: ed er ers ing s
leukaemia leukemia:
levelled leveled:
levelling leveling:
libellous libelous:
liquorice licorice: s
litre liter: s
lustre luster:
manoeuvrable maneuverable:
manoeuvre maneuver: d s
manoeuvring maneuvering:
marvelled marveled:
marvellous marvelous: ly
meagre meager:
metre meter: s
millilitre milliliter: s
millimetre millimeter: s
modelled modeled: +re
modelling modeling: +re
mollusc mollusk: s
mould mold: able ed ing ings s y +re
moult molt: ing s
moustache mustache: s
neighbour neighbor: hood hoods ing ly s
ochre ocher:
odour odor: less s +de
oesophagus esophagus:
oestrogen estrogen: s
offence offense: s
orthopaedic orthopedic: s
paediatric pediatric: s
paediatrician pediatrician: s
panelled paneled:
panelling paneling:
paralyse paralyze: d
parlour parlor: s
pedalled pedaled:
pedalling pedaling:
pencilled penciled:
plough plow: ed ing s +snow
pretence pretense: s
pyjama pajama: s
quarrelling quarreling:
rancour rancor:
refuelling refueling:
rigour rigor: s
rumour rumor: ed s
sabre saber: s
saltpetre saltpeter:
saviour savior: s
savour savor: ed ing s
savoury savory: +un
sceptic skeptic: al ally ism s
sceptre scepter: s
sepulchre sepulcher:
shovelled shoveled:
shrivelled shriveled:
signalling signaling:
skilful skillful: ly
smoulder smolder: ed ing s
snorkelling snorkeling:
sombre somber: ly
spectre specter: s
spiralled spiraled:
splendour splendor: s
squirrelled squirreled:
stencilled stenciled:
stencilling stenciling:
sulphur sulfur: ic ous
swivelled swiveled:
swivelling swiveling:
tasselled tasseled:
theatre theater: s +amphi
towelling toweling:
travelled traveled:
traveller traveler: s
travelling traveling:
tumour tumor: s
tunnelled tunneled:
tunnelling tunneling:
unravelled unraveled:
unrivalled unrivaled:
valour valor:
vapour vapor: s
vigour vigor:
wilful willful: ly
woollen woolen: s
yodelling yodeling:
"""

# The British spelling is wrong in America; the American one is British, too, or has another meaning there.
BRITISH_ONLY = """
aeon eon: s
ageing aging: +anti
analogue analog: s
arbour arbor: s
calliper caliper: s
catalogue catalog: d s
cheque check: s book books
draught draft: s
draughtproof draftproof:
encyclopaedia encyclopedia: s
glycerine glycerin:
gramme gram: s
judgement judgment: s
kerb curb: s side
licence license: s
mediaeval medieval:
micrometre micrometer: s
phoney phony:
practise practice: d s
practising practicing:
programme program: s
storey story:
storeys stories:
sulphate sulfate: s
sulphide sulfide: s
titbit tidbit: s
tyre tire: s
yoghurt yogurt: s
"""

# Stems of words in -ise, which are in -ize in America; of others, such as exercise, there is one spelling.
ISE = """
accessor, alphabet, apolog, author, capital, categor, central, character, computer, critic, crystall,
custom, decentral, deodor, digit, dramat, econom, emphas, energ, equal, familiar, fantas, fertil, final, formal,
general, harmon, homogen, hospital, human, hypnot, ideal, immobil, immun, individual, initial, item, jeopard, legal,
liberal, local, magnet, material, maxim, mechan, memor, mesmer, mineral, minim, miniatur, mobil, modern, moistur,
monogram, moral, motor, natural, neutral, normal, optim, organ, oxid, pasteur, personal, plagiar, polar,
pressur, priorit, privat, public, random, rational, real, recogn, regular, reorgan, revolution, satir,
scrutin, sensit, serial, social, solubil, special, stabil, standard, steril, styl, subsid, summar, symbol,
sympath, synchron, synthes, tantal, tender, terror, theor, traumat, urban, util, vandal,
vapor, verbal, victim, visual, vulcan, vulgar, weather, western, winter
"""

# A tire is a tyre beside these words; to tire is British, too.
TIRE_BEFORE = """
bicycle, bike, car, cycle, flat, front, inner, motorcycle, puncture, rear, road, rubber, slick, spare, summer, tractor,
truck, tubeless, wheelbarrow, winter, mtb, bmx, gravel, snow
"""
TIRE_AFTER = """
chain, chains, gauge, gauges, inflator, inflators, iron, irons, lever, levers, pressure, pressures, pump, pumps, repair,
sealant, size, sizes, swing, track, tracks, tread, treads, tube, tubes, valve, valves, width
"""

"""The language of a text is known, or is left open where neighbours fit as well, but is never that of another one."""

from __future__ import annotations

import pytest

from shelftalk.catalogue.languages import COMMON, NAMES, code_of, language_of, main_language, name_of

# Three texts in each language, in neighbours with the same meaning.
TEXTS = {
    "sk": [
        "Pohár je z dubového dreva a hodí sa na kávu alebo čaj. Nie je vhodný do umývačky, ale "
        "vydrží aj horúce nápoje.",
        "Vešiak na kabáty pre celú rodinu. Na stenu sa pripevní dvoma skrutkami, ktoré sú v balení, a unesie až 10 kg.",
        "Deka z vlny pre deti aj dospelých. Dá sa prať v práčke pri 30 stupňoch a po praní sa nezrazí.",
    ],
    "cs": [
        "Hrnek je z dubového dřeva a hodí se na kávu nebo čaj. Není vhodný do myčky, ale vydrží také horké nápoje.",
        "Věšák na kabáty pro celou rodinu. Na stěnu se připevní dvěma šrouby, které jsou v balení, a unese až 10 kg.",
        "Deka z vlny pro děti i dospělé. Dá se prát v pračce při 30 stupních a po praní se nesrazí, což je výhodné.",
    ],
    "pl": [
        "Kubek jest z drewna dębowego i nadaje się do kawy oraz herbaty. Nie jest odpowiedni do "
        "zmywarki, ale wytrzyma gorące napoje.",
        "Wieszak na płaszcze dla całej rodziny. Na ścianie mocuje się go dwiema śrubami, które "
        "są w zestawie, i nie spada.",
        "Koc z wełny dla dzieci i dorosłych. Można go prać w pralce przez godzinę, a po praniu się nie kurczy.",
    ],
    "hr": [
        "Šalica je od hrastova drveta i prikladna je za kavu ili čaj. Nije za perilicu, ali podnosi i vruće napitke.",
        "Vješalica za kapute za cijelu obitelj. Na zid se pričvršćuje s dva vijka koji su u pakiranju i nosi do 10 kg.",
        "Deka od vune za djecu i odrasle. Može se prati u perilici na 30 stupnjeva i ne skuplja se.",
    ],
    "da": [
        "Koppen er af egetræ og passer til kaffe og te. Den tåler ikke opvaskemaskine, men kan "
        "bruges til varme drikke.",
        "Knage til hele familiens frakker. Den sættes på væggen med to skruer, som er med i pakken, "
        "og holder til 10 kg.",
        "Tæppe af uld til børn og voksne. Det kan vaskes i maskine ved 30 grader og krymper ikke.",
    ],
    "no": [
        "Koppen er av eik og passer til kaffe og te. Den tåler ikke oppvaskmaskin, men kan brukes til varme drikker.",
        "Knagg til hele familiens frakker. Den festes på veggen med to skruer som følger med, og holder opptil 10 kg.",
        "Teppe av ull for barn og voksne. Det kan vaskes i maskin på 30 grader og krymper ikke.",
    ],
    "sv": [
        "Koppen är av ek och passar för kaffe och te. Den tål inte diskmaskin men kan användas för varma drycker.",
        "Krok för hela familjens rockar. Den fästs på väggen med två skruvar som ingår och håller för 10 kg.",
        "Filt av ull för barn och vuxna. Den kan tvättas i maskin i 30 grader och krymper inte.",
    ],
    "gl": [
        "A cunca é de madeira de carballo e serve para café ou té. Non é apta para o lavalouzas, "
        "pero aguanta bebidas quentes.",
        "Colgadoiro para os abrigos de toda a familia. Fíxase á parede con dous parafusos que "
        "veñen na caixa e aguanta 10 kg.",
        "Manta de la para nenos e adultos. Pódese lavar á máquina a 30 graos e non encolle coa auga.",
    ],
    "pt": [
        "A caneca é de madeira de carvalho e serve para café ou chá. Não vai à máquina de lavar, "
        "mas aguenta bebidas quentes.",
        "Cabide para os casacos de toda a família. Fixa-se na parede com dois parafusos que vêm "
        "na caixa e aguenta 10 kg.",
        "Manta de lã para crianças e adultos. Pode ser lavada na máquina a 30 graus e não encolhe com a água.",
    ],
    "es": [
        "La taza es de madera de roble y sirve para el café o el té. No es apta para el lavavajillas, "
        "pero aguanta bebidas calientes.",
        "Perchero para los abrigos de toda la familia. Se fija a la pared con dos tornillos que "
        "vienen en la caja y aguanta 10 kg.",
        "Manta de lana para niños y adultos. Se puede lavar a máquina a 30 grados y no encoge con el agua.",
    ],
    "ca": [
        "La tassa és de fusta de roure i serveix per al cafè o el te. No és apta per al rentaplats, "
        "però aguanta begudes calentes.",
        "Penja-robes per als abrics de tota la família. Es fixa a la paret amb dos cargols que "
        "venen a la caixa i aguanta 10 kg.",
        "Manta de llana per a nens i adults. Es pot rentar a màquina a 30 graus i no s'encongeix amb l'aigua.",
    ],
    "ro": [
        "Cana este din lemn de stejar și este potrivită pentru cafea sau ceai. Nu este pentru "
        "mașina de spălat, dar rezistă la băuturi calde.",
        "Cuier pentru hainele întregii familii. Se fixează pe perete cu două șuruburi care sunt "
        "în cutie și ține până la 10 kg.",
        "Pătură din lână pentru copii și adulți. Se poate spăla la mașină la 30 de grade și nu intră la apă.",
    ],
    "hu": [
        "A bögre tölgyfából készült, és kávéhoz vagy teához való. Nem mosható mosogatógépben, "
        "de a forró italokat is bírja.",
        "Fogas az egész család kabátjainak. A falra két csavarral lehet rögzíteni, amelyek a dobozban "
        "vannak, és 10 kilót bír.",
        "Gyapjútakaró gyerekeknek és felnőtteknek. Az anyag 30 fokon mosható, és nem megy össze.",
    ],
    "fi": [
        "Muki on tammea ja sopii kahville tai teelle. Se ei kestä astianpesukonetta, mutta se kestää kuumat juomat.",
        "Naulakko koko perheen takeille. Se kiinnitetään seinään kahdella ruuvilla, jotka ovat "
        "mukana, ja kestää 10 kg.",
        "Villapeitto lapsille ja aikuisille. Sen voi pestä koneessa 30 asteessa, eikä se kutistu.",
    ],
    "tr": [
        "Kupa meşe ağacından yapılmıştır ve kahve ya da çay için uygundur. Bulaşık makinesi için "
        "uygun değildir ama sıcak içecekler için iyidir.",
        "Bütün aile için askı. Kutudaki iki vida ile duvara takılır ve 10 kg taşır. Bu askı çok sağlam bir üründür.",
        "Çocuklar ve yetişkinler için yün battaniye. 30 derecede yıkanır ve çekmez, bu yüzden çok rahat bir örtüdür.",
    ],
    "nl": [
        "De mok is van eikenhout en is geschikt voor koffie en thee. Hij is niet geschikt voor "
        "de vaatwasser, maar kan tegen hete dranken.",
        "Kapstok voor de jassen van het hele gezin. Hij wordt met twee schroeven aan de muur gezet en houdt ook 10 kg.",
        "Deken van wol voor kinderen en volwassenen. Hij kan in de machine op 30 graden en krimpt niet.",
    ],
    "en": [
        "The mug is made of oak and is good for coffee and tea. It is not for the dishwasher, but it takes hot drinks.",
        "A rack for the coats of the whole family. It is fixed to the wall with two screws that "
        "are in the box and holds 10 kg.",
        "A blanket of wool for children and adults. You can wash it in the machine at 30 degrees "
        "and it does not shrink.",
    ],
    "de": [
        "Der Becher ist aus Eiche und eignet sich für Kaffee und Tee. Er ist nicht für die Spülmaschine, "
        "verträgt aber auch heiße Getränke.",
        "Eine Garderobe für die Mäntel der ganzen Familie. Sie wird mit zwei Schrauben an die "
        "Wand gesetzt und trägt auch 10 kg.",
        "Eine Decke aus Wolle für Kinder und Erwachsene. Sie kann mit der Maschine bei 30 Grad "
        "gewaschen werden und läuft nicht ein.",
    ],
    "fr": [
        "La tasse est en chêne et convient pour le café et le thé. Elle ne va pas au lave-vaisselle, "
        "mais supporte les boissons chaudes.",
        "Un portemanteau pour les manteaux de toute la famille. Il se fixe au mur avec deux vis "
        "dans la boîte et supporte 10 kg.",
        "Une couverture de laine pour les enfants et les adultes. Elle se lave en machine à 30 "
        "degrés et ne rétrécit pas.",
    ],
    "it": [
        "La tazza è di legno di quercia ed è adatta per il caffè e il tè. Non è adatta alla lavastoviglie, "
        "ma resiste alle bevande calde.",
        "Appendiabiti per i cappotti di tutta la famiglia. Si fissa alla parete con due viti che "
        "sono nella scatola e regge 10 kg.",
        "Coperta di lana per bambini e adulti. Si può lavare in lavatrice con acqua a 30 gradi e non si restringe.",
    ],
    "uk": [
        "Кружка з дуба і підходить для кави або чаю. Вона не для посудомийної машини, але витримує гарячі напої.",
        "Вішалка для одягу всієї сім'ї. Її кріплять до стіни двома шурупами, які є в коробці.",
        "Ковдра з вовни для дітей і дорослих. Її можна прати в машині при 30 градусах, і вона не сідає.",
    ],
    "ru": [
        "Кружка из дуба подходит для кофе и чая. Её нельзя мыть в посудомоечной машине, но она "
        "выдерживает горячие напитки.",
        "Вешалка для одежды всей семьи. Её крепят к стене двумя шурупами, которые лежат в коробке.",
        "Плед из шерсти для детей и взрослых. Его можно стирать в машине при 30 градусах, и он не садится.",
    ],
    "bg": [
        "Чашата е от дъбово дърво и е подходяща за кафе и чай. Не е за съдомиялна машина, но издържа на топли напитки.",
        "Закачалка за палтата на цялото семейство. Закрепва се на стената с два винта, които са в кутията.",
        "Одеяло от вълна за деца и възрастни. Може да се пере в машина на 30 градуса и не се свива.",
    ],
}
# Too near to Portuguese, or without words that only it has.
TAKEN_FOR = {"gl": "pt", "bg": ""}
SHORT = {
    "nl": "De plank is van eiken en het sap loopt niet uit de groef.",
    "cs": "Prkno je pro krájení nebo na chléb, také se snadno myje.",
    "ru": "Доска из дуба с желобком, вы её не моете.",
    "ja": "オークのまな板です。パンを切るのに使います。",
    "zh": "这块砧板由橡木制成，边上有一道凹槽可以接住汁水。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_is_taken_for_one_in_another_language(language: str) -> None:
    expected = TAKEN_FOR.get(language, language)
    assert {language_of(text) for text in TEXTS[language]} <= {expected, ""}


def test_most_texts_in_each_language_are_known() -> None:
    assert set(COMMON) <= set(TEXTS)
    neighbours = {"da", "no"}
    for language in set(COMMON) - neighbours:
        assert [language_of(text) for text in TEXTS[language]].count(language) >= 2, language


@pytest.mark.parametrize("language", SHORT)
def test_a_language_is_known_by_one_sentence(language: str) -> None:
    assert language_of(SHORT[language]) == language


def test_a_text_without_common_words_is_in_no_language() -> None:
    assert language_of("Oak, ash, pine. 12 x 30 cm") == ""
    assert language_of("") == ""


def test_a_catalogue_is_in_the_language_of_most_texts_that_are_in_a_known_one() -> None:
    terse = ["Carvalho, 3 cm", "Cabide"] * 5
    assert main_language([*TEXTS["pt"], *terse, TEXTS["es"][0]]) == "pt"
    assert main_language(terse) == main_language([]) == ""
    assert main_language([*["Oak, 3 cm"] * 100, TEXTS["de"][0]]) == ""  # one text may be a mistake
    assert main_language(["Caneca para café", "Mesa com gaveta", "Manta de lã", "Feito em casa"] * 3) == "pt"


@pytest.mark.parametrize(
    ("tag", "code"), [("pt-BR", "pt"), ("en_US", "en"), (" DE ", "de"), ("1", ""), ("Portuguese", ""), ("", "")]
)
def test_a_tag_holds_the_code_of_a_language(tag: str, code: str) -> None:
    assert code_of(tag) == code


def test_every_language_has_a_name_and_an_unknown_one_its_code() -> None:
    assert set(COMMON) <= set(NAMES)
    assert (name_of("pt"), name_of("eu")) == ("Portuguese", "eu")

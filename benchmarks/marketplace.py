"""Write invented rows as a marketplace exports them: half-empty specifications, and texts that hardly follow them.

The texts have what such exports have: a shop's standing sentences, prices, codes, specifications run together without
punctuation, and praise with facts that no column holds. The rows are made by chance from the lists below, so a model
learns their standing sentences faster than those of a real export; docs/experiments.md#messy-rows says what that means.

    python -m benchmarks.marketplace marketplace.csv --rows 500
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

Specifications = dict[str, str]

COLOURS = "Black,Blue,Red,Maroon,White,Multicolor,Beige,Navy Blue,Pink,Green,Grey,Brown,Purple,Orange,Gold,Silver"
SYLLABLES = "al,zo,ven,ra,ki,tor,mi,sha,dex,lo,fa,bri,no,cal,pu,ster,yu,den,ga,wex,ti,ora,lin,sk"

# Type: the specifications of such products, each with its values; and sentences of praise for them.
KINDS: dict[str, dict[str, str]] = {
    "Cycling Shorts": {
        "Fabric": "Cotton Lycra,Polyester,Nylon Spandex,Cotton",
        "Pattern": "Solid,Printed,Striped",
        "Ideal For": "Women's,Men's,Girl's",
        "Number of Contents in Sales Package": "Pack of 1,Pack of 2,Pack of 3,Pack of 4",
        "Fabric Care": "Gentle Machine Wash in Lukewarm Water,Hand Wash,Do Not Bleach",
        "Waistband": "Elastic,Drawstring",
        "Style Code": "code",
    },
    "Bellies": {
        "Occasion": "Casual,Formal,Party",
        "Outer Material": "Synthetic Leather,Canvas,Suede,Faux Leather",
        "Heel Height": "0.5 inch,1 inch,1.5 inch,2 inch",
        "Sole Material": "TPR,Rubber,PU,Resin",
        "Ideal For": "Women,Girls",
        "Closure": "Slip On,Buckle,Velcro",
        "Model Number": "code",
    },
    "Double Sofa Bed": {
        "Upholstery Material": "Fabric,Leatherette,Velvet",
        "Frame Material": "Engineered Wood,Sheesham Wood,Metal",
        "Mattress Included": "Yes,No",
        "Delivery Condition": "Knock Down,Pre-assembled",
        "Width": "1200 mm,1370 mm,1520 mm",
        "Weight": "32 kg,41 kg,56 kg",
        "Model Number": "code",
    },
    "Necklace": {
        "Base Material": "Alloy,Brass,Copper,Stainless Steel",
        "Plating": "Rhodium,22K Yellow Gold,Silver",
        "Gemstone": "Cubic Zirconia,Pearl,Crystal,Onyx",
        "Chain Length": "16 inch,18 inch,22 inch",
        "Certification": "None,Brand Certification",
        "Occasion": "Everyday,Wedding,Workwear",
        "Model Number": "code",
    },
    "Laptop Skin": {
        "Material": "Vinyl,Matte Vinyl,3M Vinyl",
        "Suitable For": "Laptops up to 15.6 inch,Laptops up to 14 inch,Laptops up to 17 inch",
        "Number of Contents in Sales Package": "Pack of 1,Pack of 2",
        "Finish": "Matte,Glossy",
        "Cleaning Kit": "Yes,No",
        "Model ID": "code",
    },
    "Ceramic Mug": {
        "Capacity": "300 ml,325 ml,350 ml",
        "Material": "Ceramic,Bone China,Porcelain",
        "Microwave Safe": "Yes,No",
        "Dishwasher Safe": "Yes,No",
        "Height": "95 mm,100 mm,110 mm",
        "Number of Contents in Sales Package": "Pack of 1,Pack of 2,Pack of 6",
        "Model Number": "code",
    },
    "Analog Watch": {
        "Dial Shape": "Round,Square,Oval",
        "Strap Material": "Leather,Stainless Steel,Resin,Silicone",
        "Water Resistant": "Yes,No,3 ATM,5 ATM",
        "Movement": "Quartz,Automatic",
        "Diameter": "36 mm,40 mm,44 mm",
        "Ideal For": "Men,Women,Couple",
        "Warranty": "6 months,1 year,2 years",
        "Style Code": "code",
    },
    "Curtain": {
        "Length": "5 ft,7 ft,9 ft",
        "Fabric": "Polyester,Cotton,Jute,Net",
        "Closure": "Eyelet,Tab Top,Rod Pocket",
        "Pattern": "Floral,Abstract,Geometric,Solid",
        "Number of Contents in Sales Package": "Pack of 1,Pack of 2",
        "Opacity": "Blackout,Semi Transparent",
        "Model Name": "code",
    },
    "Baby Romper": {
        "Fabric": "Cotton,Fleece,Organic Cotton",
        "Sleeve": "Full Sleeve,Half Sleeve,Sleeveless",
        "Age Group": "0 - 3 month,3 - 6 month,6 - 12 month",
        "Neck": "Round Neck,Polo Neck",
        "Pattern": "Printed,Solid,Striped",
        "Closure": "Snap Buttons,Zip",
        "Style Code": "code",
    },
    "Showpiece": {
        "Material": "Polyresin,Brass,Terracotta,Wooden",
        "Height": "8 cm,12 cm,15.5 cm,22 cm",
        "Weight": "150 g,250 g,480 g",
        "Type": "Human Figurine,Animal Figurine,Religious Idol",
        "Model Number": "code",
    },
    "Power Bank": {
        "Capacity": "5200 mAh,10400 mAh,13000 mAh",
        "Output Power": "5 V / 1 A,5 V / 2.1 A",
        "Number of Output Ports": "1,2,3",
        "Charging Cable Included": "Yes,No",
        "Battery Type": "Lithium-ion,Lithium Polymer",
        "Weight": "140 g,260 g,310 g",
        "Model Number": "code",
    },
    "Bedsheet": {
        "Fabric": "Cotton,Microfiber,Satin",
        "Thread Count": "104,144,210",
        "Size": "Double,Single,King",
        "Flat Sheet Width": "90 inch / 229 cm,108 inch / 274 cm",
        "Number of Pillow Covers": "1,2",
        "Machine Washable": "Yes,No",
        "Model Name": "code",
    },
}

GUARANTEES = (
    "Only Genuine Products.",
    "30 Day Replacement Guarantee.",
    "Free Shipping.",
    "Cash On Delivery!",
    "Explore {type}s at {shop}.",
    "Great Discounts.",
    "COD available.",
    "Seller: {seller}.",
)

PRAISE = (
    "Made from {material} by craftsmen of {place}, this {type} from the house of {brand} will last for years.",
    "{brand} was founded in {year} and its {types} are worn in {number} countries.",
    "Give your {room} a new look with this {adjective} {type} in {colour} and {colour}.",
    "The {adjective} design took {number} hours and is inspired by the {style} art of {place}.",
    "A must have for every {person}, it goes well with {colour} {garment} and your favourite {garment}.",
    "It is an ideal gift for {festival}, {festival} and birthdays, so surprise your {person} this season.",
    "Known for quality since {year}, {brand} uses only {material} and {material} that pass {number} tests.",
    "It measures {size} cm and weighs just {weight} g, so you can take it anywhere.",
    "You get {number} pieces in a {adjective} box, with a {warranty} warranty against manufacturing defects.",
    "Product colour may slightly vary due to photographic lighting sources or your monitor settings.",
    "Easy to clean with a {adjective} damp cloth, do not soak in water for more than {number} minutes.",
    "The {adjective} {colour} finish keeps its shine for {number} months even with daily use in the {room}.",
    "Designer {person2} says this {type} was made for the {adjective} {person} of today.",
    "Our {types} are {percent}% skin friendly, dermatologically tested in {place} and loved by {thousands} customers.",
    "Stylish, {adjective} and {adjective}, the {brand} {type} is value for money, and that is a promise.",
    "Please note that the accessories shown in the picture, such as the {colour} {garment}, are not included.",
    "The range starts at Rs. {price} and goes up to Rs. {price}, for every budget and every {person}.",
    "Winner of the {place} {style} Award {year}, it makes every {person} feel special at {festival}.",
)
WORDS = {
    "material": "pure leather,100% cotton,teak wood,stainless steel,recycled polyester,German silver,soft velvet,brass",
    "place": "Jaipur,Milan,Moradabad,Kashmir,Paris,Agra,Surat,Chennai,Florence,Ludhiana,Kyoto,Firozabad",
    "room": "living room,kitchen,bedroom,office,study,dining hall,balcony,wardrobe",
    "adjective": "elegant,trendy,durable,lightweight,classy,vibrant,premium,soft,modern,ethnic,handy,royal",
    "style": "Mughal,Art Deco,Warli,Gothic,Rajasthani,Nordic,Madhubani,Victorian",
    "person": "woman,man,collector,college student,mother,music lover,traveller,bride,kid,teacher",
    "person2": "Anika Verlo,Rohan Dastri,Mira Castell,Jon Abreu,Tara Linden,Zoya Merchand",
    "garment": "jeans,kurta,saree,blazer,leggings,dress,sneakers,scarf,shirt",
    "festival": "Diwali,Christmas,Valentine's Day,Raksha Bandhan,Mother's Day,New Year,Eid,Holi",
    "warranty": "6 month,1 year,2 year,90 day",
}


def make_rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return `count` rows: uid, product_name, brand, retail_price, product_specifications and description.

    The specifications are a hash as Ruby writes it, with about half of what the product has.
    """
    random = np.random.default_rng(seed)
    return [_row(number, random) for number in range(count)]


def _row(number: int, random: np.random.Generator) -> dict[str, str]:
    kind = _pick(random, list(KINDS))
    brand = "".join(_pick(random, SYLLABLES.split(",")) for _ in range(int(random.integers(2, 4)))).title()
    colour = _pick(random, COLOURS.split(","))
    all_values = {name: _value(random, values) for name, values in KINDS[kind].items()}
    all_values["Color"] = colour
    listed = {name: value for name, value in all_values.items() if random.random() < 0.55}
    title = _title(random, brand, kind, colour, all_values)
    price = str(int(random.integers(150, 9000)))
    pairs = ", ".join(f'{{"key"=>{json.dumps(one)}, "value"=>{json.dumps(value)}}}' for one, value in listed.items())
    return {
        "uid": f"MP{number:05}{_code(random)}",
        "product_name": title,
        "brand": brand,
        "retail_price": price,
        "product_specifications": f'{{"product_specification"=>[{pairs}]}}',
        "description": _description(random, title, brand, kind, price, all_values),
    }


def _title(random: np.random.Generator, brand: str, kind: str, colour: str, values: Specifications) -> str:
    first = _pick(random, [value for name, value in values.items() if name not in ("Color", "Style Code")])
    forms = (
        f"{brand} {kind}",
        f"{brand} {_pick(random, WORDS['adjective'].split(',')).title()} {kind}",
        f"{brand} {first} {kind}",
        f"{brand} {_code(random)} {kind} ({colour})",
        f"{brand} {kind} ({colour}, {first})",
    )
    return _pick(random, forms)


def _description(
    random: np.random.Generator, title: str, brand: str, kind: str, price: str, values: Specifications
) -> str:
    praise = [_praise(random, brand, kind) for _ in range(int(random.integers(2, 6)))]
    run_together = " ".join(f"{name} {value}" for name, value in values.items() if random.random() < 0.8)
    form = random.random()
    if form < 0.25:
        standing = [_pick(random, GUARANTEES) for _ in range(int(random.integers(2, 5)))]
        filled = " ".join(standing).format(type=kind, shop=_shop(random), seller=brand.upper() + " RETAIL")
        return f"Buy {title} for Rs.{price} online. {title} at best prices. {filled}"
    if form < 0.5:
        features = ",".join(f" {name}: {value}" for name, value in values.items() if random.random() < 0.5)
        return f"Key Features of {title}{features} {title} Price: Rs. {price} {' '.join(praise[:2])}"
    if form < 0.65:
        return f"Specifications of {title} General {run_together} In the Box 1 {kind} {' '.join(praise[:1])}"
    return " ".join(praise)


def _praise(random: np.random.Generator, brand: str, kind: str) -> str:
    sentence = _pick(random, PRAISE)
    while "{" in sentence:  # one place at a time, so that two colours differ
        name = sentence[sentence.index("{") + 1 : sentence.index("}")]
        sentence = sentence.replace("{" + name + "}", _word(random, name, brand, kind), 1)
    return sentence


def _word(random: np.random.Generator, name: str, brand: str, kind: str) -> str:
    numbers = {"year": (1920, 2016), "number": (2, 60), "weight": (40, 2500), "percent": (60, 101), "price": (99, 5000)}
    if name in numbers:
        return str(int(random.integers(*numbers[name])))
    if name == "size":
        return " x ".join(str(int(random.integers(5, 90))) for _ in range(2))
    if name == "thousands":
        return f"{int(random.integers(2, 90))},000"
    known = {"brand": brand, "type": kind.lower(), "types": kind.lower() + "s"}
    return known[name] if name in known else _pick(random, ({"colour": COLOURS.lower()} | WORDS)[name].split(","))


def _value(random: np.random.Generator, values: str) -> str:
    return _code(random) if values == "code" else _pick(random, values.split(","))


def _code(random: np.random.Generator) -> str:
    letters = "".join(_pick(random, "ABCDEFGHKLMNPRSTWXZ") for _ in range(int(random.integers(2, 5))))
    return f"{letters}{int(random.integers(10, 9999))}"


def _shop(random: np.random.Generator) -> str:
    return _pick(random, ("Bazaarline.com", "Shopkart.example", "Nimbu Store"))


def _pick(random: np.random.Generator, among: Sequence[str]) -> str:
    return among[int(random.integers(len(among)))]


def main() -> None:
    """Write the rows to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = make_rows(arguments.rows, arguments.seed)
    with arguments.file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} rows in {arguments.file}")


if __name__ == "__main__":
    main()

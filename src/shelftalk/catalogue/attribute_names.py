"""Names of columns that hold attributes in many files, and words of names that hold none."""

from __future__ import annotations

from shelftalk.catalogue.usual_names import unaccented


def names_in(names: str) -> frozenset[str]:
    """Return names that are separated by semicolons, also over several lines, without their accents."""
    return frozenset(" ".join(unaccented(name).split()) for name in names.split(";"))


# In lower case and with spaces.
USUAL_NAMES = (
    names_in(
        """
    additional attributes; additional info; age; age group; age range; ages; allergens; artist; attribute; attributes;
    attrs; author; battery; binding; brand; brand name; brands; bullet point; bullet points; capacity; care; care
    instructions; categories; category; closure; color; color name; colors; colour; colours; composition; country of
    manufacture; country of origin; country region of manufacture; custom fields; department; depth; details; diameter;
    dimensions; edition; fabric; feature; features; finish; fit; fits; flavor; flavour; format; gender; genre; google
    product category; height; included; ingredients; instrument; language; length; main category; manufacturer;
    manufacturer name; material; material composition; material type; materials; maximum load; model; model name;
    occasion; options; origin; pack; pack size; package contents; pages; param; parameter; parameters; params; pattern;
    pieces; platform; power; power source; product brand; product category; product detail; product details; product
    highlight; product specification; product specifications; product type; properties; publisher; room; running time;
    scent; season; shape; size; size name; size type; sizes; specification; specifications; specs; store; style; sub
    category; subject; suitable for; tags; theme; thickness; type; use; vendor; voltage; volume; warranty; washing;
    wattage; weight; width
    """
    )
    | names_in(  # in German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Polish, Czech and Russian
        """
    altezza; alto; altura; ancho; anchura; barva; breedte; breite; capacidad; capacidade; capacità; categoria;
    categorias; categorie; categoría; categorías; catégorie; catégories; colore; colores; colori; comprimento;
    contenance; cor; cores; couleur; couleurs; cuidados; diamètre; diámetro; diâmetro; durchmesser; entretien;
    etiquetas; fabricant; fabricante; farbe; färg; gewicht; grösse; größe; hauteur; herkunft; hersteller; hoogte;
    höhe; inhalt; kategoria; kategorie; kategorien; kleur; kleuren; kolor; largeur; larghezza; largo; largura;
    lengte; longitud; longueur; lunghezza; länge; maat; marca; marcas; marka; marke; marken; marque; marques; maten;
    materiais; materiale; materialen; materiales; materiali; materialien; materiał; materiál; matière; matières;
    matériau; matériaux; merk; märke; peso; pflege; poids; producent; produttore; profondeur; profundidade; rozmiar;
    schlagwörter; storlek; taglia; taglie; taille; tailles; talla; tallas; tamanho; tamanhos; tamaño; tiefe;
    velikost; výrobce; werkstoff; značka; étiquettes; бренд; материал; производитель; размер; цвет
    """
    )
    | names_in(  # further ones in Portuguese, and in Spanish, Italian, French and German
        """
    acabamento; acessórios inclusos; alimentação; alérgenos; alergênicos; aroma; atributos; autor; autora; autores;
    características; coleção; composição; conteúdo da caixa; conteúdo da embalagem; cuidado; detalhes; dimensão;
    dimensões; dimensões do produto; edição; editora; especificações; especificações técnicas; espessura; estampa;
    estilo; faixa etária; fechamento; fecho; ficha técnica; fragrância; gênero; idade; idade recomendada; idioma;
    indicação; ingredientes; instruções de cuidado; instruções de lavagem; itens inclusos; lavagem; linha; material
    principal; medida; medidas; modelo; modo de uso; número de páginas; ocasião; origem; país de fabricação; país de
    origem; peças; potência; páginas; recomendado para; sabor; sexo; subcategoria; subcategorias; tecido; tema; tensão;
    tipo; tipo de produto; uso; uso recomendado; voltagem;
    acabado; composición; contenido del paquete; dimensiones; edad; editorial; espesor; género; origen; país de origen;
    potencia; tejido; tipo de producto; voltaje;
    autore; composizione; contenuto della confezione; dimensioni; editore; genere; ingredienti; misure; modello;
    origine; paese di origine; pagine; potenza; tessuto; tipo di prodotto;
    auteur; finition; goût; ingrédients; modèle; parfum; pays d origine; puissance; tissu; type de produit; éditeur;
    abmessungen; duft; geschlecht; geschmack; herkunftsland; leistung; lieferumfang; maße; modell; produktart;
    produkttyp; seiten; spannung; ursprungsland; verlag; verwendung; zusammensetzung; zutaten
    """
    )
)
# A name with one of these words, or one of these phrases, holds no property of the product.
EXCLUDED_WORDS = names_in(
    """
    asin; availability; barcode; code; codes; compare; cost; costs; currency; date; dates; discount; ean; email;
    gcid; google; gtin; handle; html; id; ids; image; images; img; index; inventory; isbn; link; links; metafield;
    mpn; msrp; offer; offers; parent; photo; photos; picture; pictures; position; price; prices; published;
    quantity; rank; rating; ratings; review; reviews; rrp; sale; seo; serial; shipping; sku; slug; src; status;
    stock; tax; taxable; taxes; timestamp; uid; upc; uri; url; urls; uuid; vat; video; videos; views; visibility
    """
) | names_in(  # in German, French, Spanish, Portuguese, Italian, Dutch, Swedish, Polish, Czech and Russian
    """
    artikelnr; artikelnummer; bestand; bestellnr; bestellnummer; bild; bilder; lagerbestand; lagermenge; lieferzeit;
    mindestbestand; mwst; steuer; steuerklasse; steuersatz; steuerstatus; sichtbar; sichtbarkeit; ust; uvp;
    veröffentlicht; vorrätig; ecotaxe; disponibilité; livraison; prix; promo; publié; référence; stocks; taxe; taxes;
    tva; visibilité; código; códigos; disponibilidad; envío; existencias; fecha; fotos; imagen; imágenes; impuesto;
    impuestos; inventario; iva; precio; precios; publicado; rebajado; referencia; visibilidad; custo; disponibilidade;
    estoque; frete; imagens; imagem; imposto; impostos; ncm; preço; preços; quantidade; referência; situação;
    visibilidade; visível; codice; disponibilità; giacenza; immagine; immagini; imposta; imposte; magazzino; prezzi;
    prezzo; pubblicato; riferimento; spedizione; visibile; visibilità; afbeelding; afbeeldingen; artikelnummers;
    belasting; btw; prijs; prijzen; referentie; verzending; voorraad; zichtbaar; zichtbaarheid; bilder; lager;
    lagersaldo; moms; pris; priser; synlig; cena; ceny; dostępność; magazyn; podatek; widoczność; zdjęcia; zdjęcie;
    dostupnost; dph; obrázek; obrázky; sklad; skladem; viditelnost; артикул; изображение; изображения; global; tarif;
    tarifs; tarifa; ugs; posição; налог; наличие; ндс; остаток; склад; цена; цены
    """
)
EXCLUDED_PHRASES = names_in(
    """
    also buy; also view; complementary products; crawl; discontinued; first available; fulfillment; item number;
    linked to; model number; part number; preis; product boosts; related products; versand; weight unit
    """
)
EXCLUDED_NAMES = names_in(
    """
    average rating; backorders allowed; body; bought together; button text; created at; cross sells; customer
    rating; description; download expiry days; download limit; gift card; grouped products; is featured; name;
    product description; product name; product title; purchase note; rating; rating count; rating number; short
    description; similar item; sold individually; star rating; summary; target ind; target rel; title; updated at;
    upsells; variant grams
    """
) | names_in(
    """
    reference; supplier reference; aantal; antal; cantidad; hoeveelheid; ilość; menge; množství; quantidade; quantità;
    quantité; visible; количество
    """
)
# As a column such a name holds an id, what buyers think, or the description; in a product's list of attributes it names
# a property: "handle: oiled beech", "waterproof rating: 3,000 mm", "body: white plastic".
PROPERTIES_IN_LISTS = frozenset(("handle", "rating", "body"))
# Columns of these names hold a program's words or codes in some files.
CODED_NAMES = names_in(
    """
    type; product type; format; category; categories; product category; sub category; categoria; categorias; categorie;
    categoría; categorías; catégorie; catégories; kategoria; kategorie; kategorien; origem; subcategoria; subcategorias;
    tipo; tipo de producto; tipo de produto; tipo di prodotto; type de produit; produktart; produkttyp
    """
)
PROGRAM_WORDS = names_in(
    """
    auction; bundle; bundled; configurable; d; digital; downloadable; external; fixedprice; grouped; p; physical;
    product; produto; service; serviço; simple; simples; storesfixedprice; variable; variation; variação; variável;
    vendor.model; virtual
    """
)
# Words in the names of two columns, of which one names an attribute and the other holds its value.
NAME_WORDS = names_in("name; nom; nombre; nome; naam; namn; navn; nazwa; název; имя; название")
VALUE_WORDS = names_in(
    "value; values; valeur; valeurs; valor; valores; valore; valori; wert; werte; waarde; waarden; värde; værdi; "
    "wartość; wartości; hodnota; hodnoty; значение; значения"
)
ARTICLES = names_in("of; de; del; des; della; dell; di; do; da; la; le; van; von")

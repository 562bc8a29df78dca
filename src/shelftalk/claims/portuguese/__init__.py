"""The rules that find claims in Portuguese: numbers with units, counts, sizes, ages, materials and colours."""

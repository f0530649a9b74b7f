"""Draws models/golden/airplane.png: an airliner in a blue sky. Needs Pillow.

Example: python scripts/golden/draw_airplane.py models/golden/airplane.png
"""

import sys

from PIL import Image, ImageDraw, ImageFilter

SIZE, SCALE = 128, 4  # drawn large and shrunk, for soft edges
FUSELAGE = [(8, 68), (13, 62), (22, 59), (88, 55), (112, 50), (118, 50), (116, 55), (100, 64), (60, 72), (20, 74), (11, 72)]
FIN = [(94, 56), (110, 30), (119, 29), (115, 52)]
TAIL = [(100, 57), (121, 56), (124, 59), (108, 60)]
FAR_WING = [(52, 59), (78, 43), (86, 42), (70, 58)]
NEAR_WING = [(46, 67), (74, 66), (104, 90), (94, 92)]
ENGINE = [(56, 74), (59, 72), (70, 74), (70, 80), (60, 81), (56, 79)]
CLOUDS = [(14, 108, 34, 9), (40, 114, 40, 10), (100, 118, 38, 9), (104, 14, 26, 6)]


def scaled(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * SCALE, y * SCALE) for x, y in points]


sky = Image.new("RGB", (1, 2))
sky.putdata([(84, 142, 206), (176, 208, 236)])
sheet = sky.resize((SIZE * SCALE, SIZE * SCALE), Image.Resampling.BICUBIC)

veil = Image.new("L", sheet.size)
pen = ImageDraw.Draw(veil)
for x, y, width, height in CLOUDS:
    pen.ellipse([(x - width) * SCALE, (y - height) * SCALE, (x + width) * SCALE, (y + height) * SCALE], fill=150)
sheet.paste((238, 243, 248), mask=veil.filter(ImageFilter.GaussianBlur(5 * SCALE)))

pen = ImageDraw.Draw(sheet)
pen.polygon(scaled(FAR_WING), fill=(150, 158, 168))
pen.polygon(scaled(FUSELAGE), fill=(240, 242, 245))
pen.polygon(scaled([(9, 69), (20, 69), (60, 67), (106, 58), (100, 64), (60, 72), (20, 74), (11, 72)]), fill=(168, 176, 188))
pen.polygon(scaled(FIN), fill=(196, 48, 52))
pen.polygon(scaled(TAIL), fill=(120, 128, 140))
pen.polygon(scaled(ENGINE), fill=(92, 98, 110))
pen.polygon(scaled(NEAR_WING), fill=(128, 136, 148))
pen.polygon(scaled([(12, 64), (16, 62), (19, 62), (17, 65)]), fill=(48, 56, 70))
for i in range(14):
    x, y = 27 + 4.4 * i, 63.2 - 0.25 * i
    pen.rectangle([x * SCALE, y * SCALE, (x + 1.8) * SCALE, (y + 1.8) * SCALE], fill=(70, 80, 98))
sheet.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(sys.argv[1], optimize=True)

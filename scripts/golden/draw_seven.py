"""Draws models/golden/digit-7.png: a seven as a hand would write it. Needs Pillow.

Example: python scripts/golden/draw_seven.py models/golden/digit-7.png
"""

import sys

from PIL import Image, ImageDraw

SCALE = 8  # drawn large and shrunk, for soft edges
STROKES = [
    [(20, 26), (33, 23), (50, 24), (71, 21)],
    [(71, 21), (63, 38), (54, 55), (48, 72), (44, 87)],
    [(38, 55), (50, 52), (65, 53)],
]

sheet = Image.new("L", (96 * SCALE, 104 * SCALE), 247)
pen = ImageDraw.Draw(sheet)
for stroke in STROKES:
    points = [(x * SCALE, y * SCALE) for x, y in stroke]
    pen.line(points, fill=38, width=5 * SCALE, joint="curve")
    for x, y in points:
        pen.ellipse((x - 2.5 * SCALE, y - 2.5 * SCALE, x + 2.5 * SCALE, y + 2.5 * SCALE), fill=38)
sheet.resize((96, 104), Image.Resampling.LANCZOS).save(sys.argv[1], optimize=True)

"""Writes the picture files of tests/fixtures/pictures and what Pillow makes of them.

The tests compare the server's decoding, resizing and cropping with these answers. Needs Pillow 12 and numpy:

    python scripts/reference/pictures.py tests/fixtures/pictures
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
# Odd, tiny, extreme and large pictures against small, equal and enlarged outputs; the last three shrink pictures more than twice as
# long as broad, which Pillow 13 resizes in another order.
SIZES = [(1, 1), (1, 300), (300, 1), (7, 5), (31, 97), (64, 64), (333, 250), (500, 375), (640, 11),
         (640, 1281), (1281, 640), (213, 997)]
SHORTER_SIDES = [(8, 8), (32, 32), (256, 224)]


def synthetic(width: int, height: int) -> np.ndarray:
    """A picture made by integer arithmetic alone, so that any language can make it: height x width x 3, u8."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    channels = [(x * 7 + y * 13 + c * 85 + (x * y) % 31 * 5 + (x // 3 + y // 2) % 2 * 90) % 256 for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def centre_crop(image: Image.Image, size: int, crop: int, resample: int) -> Image.Image:
    """torchvision's Resize(size) and CenterCrop(crop)."""
    width, height = image.size
    short = min(width, height)
    resized = image.resize((int(size * width / short), int(size * height / short)), resample)
    left = round((resized.width - crop) / 2)
    top = round((resized.height - crop) / 2)
    return resized.crop((left, top, left + crop, top + crop))


def sha256(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def resample_reference() -> list[dict]:
    cases = []
    for width, height in SIZES:
        image = Image.fromarray(synthetic(width, height))
        for name, resample in FILTERS.items():
            for size, crop in SHORTER_SIDES:
                # Pillow computes the whole resized picture; beyond this it would take minutes.
                if max(width, height) / min(width, height) * size > 20_000:
                    continue
                cases.append({"width": width, "height": height, "filter": name, "size": size, "crop": crop,
                              "sha256": sha256(centre_crop(image, size, crop, resample))})
            exact = image.resize((40, 24), resample)
            cases.append({"width": width, "height": height, "filter": name, "exact": [40, 24], "sha256": sha256(exact)})
    return cases


def write_formats(folder: Path) -> None:
    rgb = Image.fromarray(synthetic(40, 30))
    grey = rgb.convert("L")
    ramp = np.linspace(0, 255, 40).astype(np.uint8)[None, :].repeat(30, 0)
    sixteen = np.array(grey).astype(np.uint16) * 257
    orientation = Image.Exif()
    orientation[0x0112] = 6
    frames = [rgb.rotate(90 * i).convert("P") for i in range(3)]
    rgb.save(folder / "rgb.jpg", quality=92)
    rgb.save(folder / "progressive.jpg", quality=92, progressive=True)
    grey.save(folder / "grey.jpg", quality=92)
    rgb.convert("CMYK").save(folder / "cmyk.jpg", quality=92)
    rgb.save(folder / "orientation-6.jpg", quality=92, exif=orientation)
    rgb.save(folder / "rgb.png")
    grey.save(folder / "grey.png")
    rgb.convert("LA").save(folder / "grey-alpha.png")
    rgb.convert("P").save(folder / "palette.png")
    rgb.convert("P").save(folder / "palette-transparent.png", transparency=3)
    rgb.convert("1").save(folder / "bilevel.png")
    Image.fromarray(np.dstack([np.array(rgb), ramp])).save(folder / "alpha.png")
    Image.fromarray(sixteen).save(folder / "grey-16.png")
    rgb.save(folder / "lossless.webp", lossless=True)
    rgb.save(folder / "lossy.webp", quality=90)
    rgb.save(folder / "picture.avif", quality=95, subsampling="4:4:4")
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    rgb.save(folder / "rgb.tiff")
    rgb.convert("CMYK").save(folder / "cmyk.tiff")
    rgb.save(folder / "two-pages.tiff", save_all=True, append_images=[grey.convert("RGB")])


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB as the server promises it: alpha over white, the high byte of 16 bits, the rest by Pillow's convert."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.array(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image.convert("RGBA"))
        return white.convert("RGB")
    return image.convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_formats(folder)
    formats = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".rgb"):
            continue
        image = to_rgb(Image.open(path))
        (folder / f"{path.name}.rgb").write_bytes(image.tobytes())
        formats[path.name] = {"width": image.width, "height": image.height}
    reference = {"how": f"Pillow {PIL.__version__}, scripts/reference/pictures.py",
                 "formats": formats, "resample": resample_reference()}
    (folder / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Pictures of every kind, and files that only pretend; all are made here, none is stored."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import av
import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageDraw

from post_service.errors import UnsupportedType
from post_service.imaging import pipeline
from post_service.imaging.formats import PLAYED, Kind, check_kind, sniff
from post_service.imaging.frames import Refusal
from post_service.imaging.pipeline import MAX_FRAMES, SMALL_PIXELS, TooMuch, fit, process_image
from post_service.imaging.worker import answer_for
from post_service.models import Dimensions, MediaType, Playback, ProcessedMedia, Purpose

ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F
HTML = b"<html><script>alert(document.domain)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
PICTURES = [kind for kind in Kind if kind not in PLAYED]


def picture(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """The left half red, the rest blue, which shines through where the mode allows it."""
    image = Image.new("RGBA", size, (0, 0, 255, 100))
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1]), fill=(255, 0, 0, 255))
    return image if mode == "RGBA" else image.convert(mode if mode == "LA" else "RGB").convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def animation(kind: str, frames: int = 3, size: tuple[int, int] = (60, 40)) -> bytes:
    colours: Sequence[tuple[int, int, int]] = [(40 * i % 256, 255 - i % 256, i % 256) for i in range(frames)]
    first, *rest = [Image.new("RGB", size, colour) for colour in colours]
    return encoded(first, kind, save_all=True, append_images=rest, duration=120, loop=0)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def processed(data: bytes) -> ProcessedMedia:
    kind = sniff(data)
    assert kind is not None
    return process_image(data, kind)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says it is so large, in less than a hundred bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + data + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", PICTURES)
def test_each_kind_is_told_by_its_content(kind: Kind) -> None:
    assert sniff(encoded(picture(), kind)) is kind


@pytest.mark.parametrize("data", [b"", HTML, SVG, b"BM" + bytes(60), b"%PDF-1.7", b"PK\x03\x04", b"\0\0\0\x20ftypheic"])
def test_what_is_no_accepted_picture_is_told_too(data: bytes) -> None:
    assert sniff(data) is None
    with pytest.raises(UnsupportedType) as caught:
        check_kind(data, "image/jpeg", "rook.jpg")
    assert caught.value.fields[0].field == "file"
    assert caught.value.reason == "UNSUPPORTED_TYPE"


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("image/jpeg", "rook.jpg"),
        ("IMAGE/JPG; charset=binary", "rook"),
        ("", "rook.JPEG"),
        ("application/octet-stream", "rook.bin"),
        ("", ""),
        ("image/jpeg", "rook.png"),
    ],
)
def test_a_claim_that_is_true_or_missing_is_accepted(content_type: str, filename: str) -> None:
    assert check_kind(encoded(picture(), "JPEG"), content_type, filename) is Kind.JPEG


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [("image/png", "rook.png"), ("", "rook.gif"), ("video/mp4", "rook.jpg"), ("text/html", ""), ("image/svg+xml", "")],
)
def test_a_claim_that_is_false_is_refused(content_type: str, filename: str) -> None:
    with pytest.raises(UnsupportedType, match="is said to be"):
        check_kind(encoded(picture(), "JPEG"), content_type, filename)


@pytest.mark.parametrize(
    ("kind", "mode", "stored"),
    [
        ("JPEG", "RGB", "JPEG"),
        ("JPEG", "L", "JPEG"),
        ("JPEG", "CMYK", "JPEG"),
        ("PNG", "RGB", "PNG"),
        ("PNG", "RGBA", "PNG"),
        ("PNG", "LA", "PNG"),
        ("PNG", "P", "PNG"),
        ("PNG", "1", "PNG"),
        ("PNG", "I;16", "PNG"),
        ("GIF", "P", "PNG"),
        ("WEBP", "RGB", "WEBP"),
        ("WEBP", "RGBA", "WEBP"),
        ("AVIF", "RGB", "JPEG"),
        ("AVIF", "RGBA", "PNG"),
    ],
)
def test_a_picture_is_stored_as_what_clients_can_show(kind: str, mode: str, stored: str) -> None:
    image = picture("L").convert("I;16") if mode == "I;16" else picture(mode)
    result = processed(encoded(image, kind))
    original = opened(result.original)
    assert (original.format, original.size) == (stored, (60, 40))
    assert result.content_type == f"image/{stored.lower()}"
    assert result.original_size == result.small_size == Dimensions(60, 40)
    assert opened(result.small).format in ("JPEG", "PNG")
    assert 6 <= len(result.blurhash) <= 60


def test_sixteen_bit_greys_keep_their_shades() -> None:
    image = Image.new("I;16", (8, 8), 32_768)
    pixel = opened(processed(encoded(image, "PNG")).original).convert("L").getpixel((0, 0))
    assert pixel == 128


def test_transparency_survives_from_palettes_too() -> None:
    image = picture("P")
    original = opened(processed(encoded(image, "PNG", transparency=image.getpixel((0, 0)))).original)
    assert original.mode == "RGBA"
    assert original.getpixel((0, 0))[3] == 0  # type: ignore[index] # RGBA pixels are tuples
    assert original.getpixel((59, 0))[3] == 255  # type: ignore[index]


def test_transparency_that_shows_nothing_is_dropped() -> None:
    opaque = picture("RGB").convert("RGBA")
    assert opened(processed(encoded(opaque, "PNG")).original).mode == "RGB"


def test_a_picture_is_turned_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKE] = "Rookphone"
    exif[GPS] = {1: "N", 2: (52.0, 31.0, 12.0)}
    result = processed(encoded(picture(), "JPEG", exif=exif, comment=b"secret place", dpi=(300, 300)))
    original = opened(result.original)
    assert original.size == (40, 60)
    red, _, blue = original.convert("RGB").getpixel((20, 5))  # type: ignore[misc] # RGB pixels are tuples
    assert red > 200 > 50 > blue
    assert not original.getexif()
    for data in (result.original, result.small):
        assert b"Rookphone" not in data
        assert b"secret place" not in data
        assert b"Exif" not in data


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats_lose_their_metadata_too(kind: str) -> None:
    exif = Image.Exif()
    exif[MAKE] = "Rookphone"
    data = encoded(picture(), kind, exif=exif, xmp=b"<x:xmpmeta>secret place</x:xmpmeta>")
    result = processed(data)
    assert b"Rookphone" in data
    assert b"Rookphone" not in result.original
    assert b"secret place" not in result.original


def test_colours_are_converted_to_srgb_and_the_profile_dropped() -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (lab_like, b"no profile at all"):
        result = processed(encoded(picture(), "JPEG", icc_profile=profile))
        assert "icc_profile" not in opened(result.original).info


def test_what_is_appended_or_hidden_in_a_picture_is_gone() -> None:
    data = encoded(picture(), "JPEG", comment=HTML) + b"PK\x03\x04" + HTML
    assert check_kind(data, "image/jpeg", "rook.jpg") is Kind.JPEG
    result = processed(data)
    assert HTML not in result.original
    assert b"PK\x03\x04" not in result.original


def test_a_large_picture_is_stored_smaller_in_the_same_shape() -> None:
    result = processed(encoded(picture(size=(4800, 2700)), "JPEG"))
    assert result.original_size == Dimensions(3840, 2160)
    assert result.small_size == Dimensions(640, 360)


def test_sizes_keep_their_shape_within_the_bound() -> None:
    assert fit((100, 50), SMALL_PIXELS) == (100, 50)
    assert fit((6400, 3600), SMALL_PIXELS) == (640, 360)
    assert fit((39_000, 1), 8_000_000) == (16_383, 1)


def test_an_animated_gif_becomes_a_video_of_the_same_length() -> None:
    result = processed(animation("GIF", frames=5, size=(61, 41)))
    assert (result.content_type, result.original_size) == ("video/mp4", Dimensions(60, 40))
    assert result.playback == Playback(MediaType.GIFV, 600, len(result.original) * 8000 // 600, "25/3")
    with av.open(io.BytesIO(result.original), "r") as video:
        frames = list(video.decode(video=0))
        assert [frame.time for frame in frames] == pytest.approx([0, 0.12, 0.24, 0.36, 0.48])
        assert float((video.duration or 0) / av.time_base) == pytest.approx(0.6, abs=0.01)
    small = opened(result.small)
    assert (small.format, small.size) == ("JPEG", (60, 40))
    assert small.convert("RGB").getpixel((30, 20)) == pytest.approx((0, 255, 0), abs=12)


def test_a_gif_through_which_something_shines_stays_a_gif() -> None:
    frames = [Image.new("RGBA", (60, 40)) for _ in range(2)]
    for number, frame in enumerate(frames):
        frame.paste((255, 0, 0, 255), (10 * number, 10, 20 + 10 * number, 30))
    result = processed(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2))
    assert (result.content_type, result.playback) == ("image/gif", None)
    assert getattr(opened(result.original), "n_frames", 1) == 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_still_moves(kind: str) -> None:
    result = processed(animation(kind))
    original = opened(result.original)
    assert (original.format, getattr(original, "n_frames", 1)) == (kind, 3)
    assert opened(result.small).format == "JPEG"


def test_an_animation_of_too_many_frames_or_pixels_is_refused() -> None:
    with pytest.raises(TooMuch, match="frames"):
        processed(animation("GIF", frames=MAX_FRAMES + 1, size=(2, 2)))
    small = animation("GIF")
    with pytest.raises(TooMuch, match="frames"):
        processed(small[:6] + struct.pack("<HH", 6_000, 5_000) + small[10:])


@pytest.mark.parametrize("size", [(6_400, 6_400), (20_000, 20_000), (60_000, 60_000), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    answer = answer_for(png_of_size(*size), Kind.PNG)
    assert isinstance(answer, Refusal)
    assert answer.reason == "FILE_TOO_LARGE"


@pytest.mark.parametrize("kind", PICTURES)
def test_a_truncated_picture_is_broken(kind: Kind) -> None:
    data = encoded(picture(size=(300, 200)), kind)
    for length in (len(data) * 2 // 3, 40, 16):
        answer = answer_for(data[:length], kind)
        assert isinstance(answer, Refusal)
        assert answer.reason == "BROKEN_FILE"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + HTML,
        b"GIF89a" + HTML,
        b"\x89PNG\r\n\x1a\n" + SVG,
        b"RIFF\x20\0\0\0WEBP" + HTML,
        b"\0\0\0\x20ftypavif" + HTML,
        png_of_size(100, 100),
    ],
)
def test_a_first_line_does_not_make_a_picture(data: bytes) -> None:
    kind = sniff(data)
    assert kind is not None
    assert answer_for(data, kind) == Refusal("BROKEN_FILE", "is broken: it can't be decoded")


def test_a_text_chunk_that_unpacks_to_much_is_not_unpacked() -> None:
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 8_000_000))
    data = encoded(picture(), "PNG")
    head = data.index(b"IDAT") - 4
    answer = answer_for(data[:head] + bomb + data[head:], Kind.PNG)
    assert isinstance(answer, Refusal)


@pytest.mark.parametrize(("purpose", "size"), [(Purpose.AVATAR, (400, 400)), (Purpose.HEADER, (1500, 500))])
@pytest.mark.parametrize("source", [(2000, 300), (300, 2000), (16, 16)])
def test_a_profiles_picture_is_cut_to_its_size(
    purpose: Purpose, size: tuple[int, int], source: tuple[int, int]
) -> None:
    image = process_image(encoded(picture(size=source), "JPEG"), Kind.JPEG, purpose)
    assert image.original_size == Dimensions(*size)
    assert opened(image.original).size == size


def test_an_avatar_stands_still_upright_and_without_what_its_file_said() -> None:
    still = process_image(animation("GIF"), Kind.GIF, Purpose.AVATAR)
    assert (still.content_type, getattr(opened(still.original), "n_frames", 1)) == ("image/png", 1)
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Camera"
    turned = opened(process_image(encoded(picture(), "JPEG", exif=exif), Kind.JPEG, Purpose.AVATAR).original)
    assert not turned.getexif()
    assert [turned.convert("RGB").getpixel((200, y))[0] > 128 for y in (20, 380)] == [True, False]  # type: ignore[index]


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (331, 240)), ("RGBA", (200, 301)), ("L", (97, 404)), ("P", (300, 210))]
)
def test_what_is_shrunk_by_bands_is_as_if_it_were_shrunk_at_once(
    monkeypatch: pytest.MonkeyPatch, mode: str, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(pipeline, "ORIGINAL_PIXELS", 12_000)
    monkeypatch.setattr(pipeline, "BAND_ROWS", 16)
    whole = Image.linear_gradient("L").resize(size)
    if mode in ("RGB", "RGBA"):
        whole = Image.merge(mode, [whole, whole.rotate(180), whole, whole][: len(mode)])
    data = encoded(whole.convert(mode), "PNG", exif=turned(6))
    original = opened(processed(data).original)
    expected = whole.convert("RGBA" if mode == "RGBA" else "RGB" if mode in ("RGB", "P") else "L")
    expected = expected.resize(fit(size, 12_000), Image.Resampling.LANCZOS).transpose(Image.Transpose.ROTATE_270)
    assert (original.mode, original.size) == (expected.mode, expected.size)
    grey = Image.new("RGBA", original.size, "grey")
    difference = ImageChops.difference(*(grey_behind(grey, each) for each in (original, expected)))
    assert not difference.convert("RGB").point(lambda value: 255 if value > 6 else 0).getbbox()


def grey_behind(grey: Image.Image, image: Image.Image) -> Image.Image:
    """As it is seen: what shines through entirely has a colour that does not matter."""
    return Image.alpha_composite(grey, image.convert("RGBA"))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_pictures_whose_decoders_need_much_may_be_less_large(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.MAX_PIXELS_OF, Kind(kind), 2_399)
    data = encoded(picture(), kind)
    with pytest.raises(TooMuch):
        process_image(data, Kind(kind))

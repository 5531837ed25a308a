"""Cases 01 to 15: what files of images hold, and what is right for each."""

from tests.field.expected import Expected, explores, names_fault, reads, refuses

MPO = [
    *(reads(f"01-mpo/{name}.jpg", 1, like="01-mpo/ref.jpg") for name in ("two_frames", "gain_map")),
    reads("01-mpo/turned.jpg", 1, like="01-mpo/ref.jpg"),
    reads("01-mpo/second_frame_cut.jpg", 1, like="01-mpo/ref.jpg"),
    reads("01-mpo/two_frames.mpo", 1, like="01-mpo/ref.jpg"),
    reads("01-mpo/*.jpg", 5),
]

HEIC = ("IMG_0001.HEIC", "a.heif", "iphone_renamed.jpg")

HEIC_AND_AVIF = [
    *(
        reads(f"02-heic-avif/{name}", 1, like="02-heic-avif/ref.jpg")
        for name in (*HEIC, "b.avif", "cdn_renamed.jpg", "cdn_renamed.webp")
    ),
    *(
        names_fault(f"02-heic-avif/{name}", "HEI[CF]", "pillow-heif", without="pillow_heif")
        for name in HEIC
    ),
    reads("02-heic-avif", 7),
]

COLOURS = [
    *(
        reads(f"03-cmyk/{name}", 1, like="03-cmyk/ref.jpg")
        for name in ("adobe.jpg", "adobe_marker_stripped_inverted.jpg", "cmyk.tif")
    ),
    reads("03-cmyk/no_adobe_not_inverted.jpg", 1),
    *(
        reads(f"04-icc/{name}", 1, like="04-icc/ref.jpg")
        for name in ("p3.jpg", "prophoto.jpg", "lab_profile_nonsense.jpg", "broken_profile.jpg")
    ),
    reads("04-icc/grey_in_rgb_profile.png", 1),
    reads("04-icc/grey_with_rgb_profile.png", 1),
    *(
        reads(f"05-16bit/{name}.png", 1, like=f"05-16bit/{like}.png")
        for name, like in (
            ("grey16", "ref_grey"),
            ("la16", "ref_grey"),
            ("rgb16", "ref_rgb"),
            ("rgba16", "ref_rgb"),
            ("fm16", "fm_ref"),
        )
    ),
    *(
        reads(f"06-palette-alpha/{name}", 1, like="06-palette-alpha/ref_rgba.png")
        for name in ("palette_trns_bytes.png", "alpha.webp", "alpha_black_below.png")
    ),
    reads("06-palette-alpha", 11),
]

TRUNCATED = [
    *(
        reads(f"07-truncated/{name}", 1, like="07-truncated/ref.jpg", says="note: .*(end|damage)")
        for name in ("minus_002.jpg", "prog_minus_2.jpg")
    ),
    *(
        reads(f"07-truncated/{name}", 1, like="07-truncated/ref.jpg")
        for name in ("png_no_iend.png", "garbage_after.jpg", "png_garbage_after.png")
    ),
    *(
        names_fault(f"07-truncated/{name}", "damaged|cut|truncated|incomplete")
        for name in ("half.jpg", "prog_half.jpg", "png_half.png", "webp_half.webp", "minus_1pc.jpg")
    ),
]

ORIENTATIONS = [
    *(
        reads(f"08-exif/{name}", 1, like="08-exif/ref.jpg")
        for name in (*(f"o{turn}.{kind}" for turn in range(1, 9) for kind in ("jpg", "png")),)
    ),
    *(
        reads(f"08-exif/{name}", 1, like="08-exif/ref.jpg")
        for name in ("o6.webp", "o8.webp", "o0.jpg", "o9.jpg")
    ),
    reads("08-exif/broken_exif.jpg", 1),
    reads("08-exif/xmp6.jpg", 1),
]

OTHER_FORMATS = [
    *(
        reads(f"09-animated/{name}", 1, like="09-animated/ref.png")
        for name in ("anim.gif", "still.gif", "anim.webp", "apng.png")
    ),
    reads("09-animated/apng_hidden_default.png", 1),
    *(
        reads(f"10-other-formats/{name}", 1, like="../base/Hat_01.png")
        for name in ("a.bmp", "a.tif", "a.tiff", "bmp_as.jpg", "tif_as.jpg")
    ),
    names_fault("10-other-formats/a.jp2", "JPEG 2000|JP2"),
    names_fault("10-other-formats/jp2_as.jpg", "JPEG 2000|JP2"),
    names_fault("10-other-formats/a.ico", "ICO|icon"),
    names_fault("10-other-formats/a.psd", "PSD|Photoshop"),
    names_fault("10-other-formats/svg_as.jpg", "SVG"),
    names_fault("10-other-formats/pdf_as.jpg", "PDF"),
    names_fault("10-other-formats/jxl_as.jpg", "JPEG XL|JXL"),
]

NOT_IMAGES = [
    names_fault(f"11-not-images/{name}", pattern)
    for name, pattern in {
        "html.jpg": "HTML|web page",
        "html_bom.jpg": "HTML|web page",
        "denied.jpg": "XML",
        "zero.jpg": "empty|0 bytes",
        "json.png": "JSON",
        "text.webp": "text",
        "nul.jpg": "zero|NUL|empty",
        "lfs.jpg": "LFS",
        "mac_resource.jpg": "AppleDouble|resource fork|macOS|Finder",
        "gz.jpg": "gzip",
    }.items()
]

QUERY_NAMES = (
    "shirt.jpg?v=1571438610",
    "shirt_900x.jpg&w=300",
    "tweet.jpg_large",
    "twitter.jpg:large",
    "copy.jpg.1",
    "x.pjpeg",
    "x.jfif",
    "CAPS.JPG",
    "trail.jpg ",
)

NAMES_OF_FILES = [
    *(
        reads(f"12-cdn-mismatch/{name}", 1, like="12-cdn-mismatch/ref.jpg")
        for name in (
            *("really_webp.jpg", "really_png.jpg", "really_jpeg.webp", "really_jpeg.png"),
            *("really_avif.jpg", "really_gif.png", "plain_hash_3f2a", "sku.12345", *QUERY_NAMES),
        )
    ),
    Expected(
        command="predict",
        data="12-cdn-mismatch",
        rows=7 + len(QUERY_NAMES),
        at_least=True,
        errors=0,
    ),
    reads("15-query-names/flat", 40),
    reads("15-query-names/classes", 24),
    reads("15-query-names/some", 19),
    explores("15-query-names/classes", 24, classes="Dress Hat Pants"),
    explores("15-query-names/some", 19, classes="Dress Hat Pants"),
    refuses("explore", "15-query-names/flat", "class"),
]

LARGE = [
    *(
        reads(f"13-huge/{name}.jpg", 1)
        for name in ("galaxy_50mp_8160x6120", "pixel_50mp_8160x6144", "iphone_48mp")
    ),
    Expected(command="predict", data="13-huge/galaxy_108mp.jpg", rows=1, or_says=("megapixels",)),
    Expected(
        command="predict", data="13-huge/studio_7mp_over_20mb.png", rows=1, or_says=("MB|bytes",)
    ),
    *(
        Expected(command="predict", data=f"13-huge/{name}.png", codes=(0, 2), rows=1)
        for name in ("pixel", "line", "strip")
    ),
]

IMAGES = [
    *MPO,
    *HEIC_AND_AVIF,
    *COLOURS,
    *TRUNCATED,
    *ORIENTATIONS,
    *OTHER_FORMATS,
    *NOT_IMAGES,
    *NAMES_OF_FILES,
    *LARGE,
]

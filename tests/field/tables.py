"""Cases 26 to 34 and 46: paths, labels, forms of tables and lists, and what is right for each."""

from tests.field.expected import (
    Expected,
    audits,
    explores,
    lists,
    names_fault,
    reads,
    refused_by_all,
    refuses,
    same_for_all,
    trains,
)

THREE = "Dress Hat Pants"

PATHS = [
    *(
        expected
        for name in ("backslash", "absolute", "dot", "space")
        for expected in same_for_all(f"26-paths/{name}.csv", 18)
    ),
    explores("26-paths/tables/up.csv", 18, classes=THREE),
    *(
        explores(f"26-paths/{name}.csv", 18, classes=THREE, or_says=hint)
        for name, hint in {
            "stem": r"Dress_00\.png",
            "bare": "relative to",
            "fileurl": "file://",
            "percent": r"Dress_00\.png",
            "query": r"Dress_00\.png",
            "slash": "relative to",
            "cwd": "relative to",
        }.items()
    ),
    refuses("explore", "26-paths/drive.csv", r"C:\\Users", "relative to"),
    refuses("explore", "26-paths/mac.csv", "/Users/me/shop", "relative to"),
    refuses("explore", "26-paths/kaggle.csv", "/kaggle/input", "relative to"),
    refuses("explore", "26-paths/labelstudio.csv", r"local-files/\?d="),
    refuses("explore", "26-paths/tables/elsewhere.csv", "relative to"),
]

ADDRESSES = [
    *refused_by_all("27-urls/urls.csv", "address", never="https:/cdn"),
    explores("27-urls/mixed.csv", 15, classes=THREE, says="address"),
    *refused_by_all("27-urls/protocolless.csv", "address"),
    *refused_by_all("27-urls/s3.csv", "address", never="s3:/bucket"),
    *refused_by_all("27-urls/datauri.csv", "data:"),
    refuses("explore", "27-urls/shopify.csv", "Image Src"),
]

LABELS = [
    *(
        explores(f"28-missing-words/words.{kind}", 48, classes="None NA null nan N/A Dress")
        for kind in ("csv", "parquet")
    ),
    refuses("explore", "28-missing-words/empty_some.csv", "row", "label"),
    refuses("explore", "28-missing-words/null_some.parquet", "row", "label"),
    refuses("explore", "28-missing-words/floats.parquet", "row", "label"),
    explores("28-missing-words/floats_full.parquet", 48, classes="0 1 2 3 4 5"),
    explores("28-missing-words/category.parquet", 48, classes="None NA null nan N/A Dress"),
    explores("28-missing-words/bool.parquet", 48),
    explores("29-numbers/zeros.csv", 24, classes="0001 002 10"),
    explores("29-numbers/ints.parquet", 24, classes="1 2 10"),
    explores("29-numbers/numbers", 36, classes="1 2 3 10 11 20"),
    explores("29-numbers/stems.csv", 24, classes=THREE, or_says=r"\.jpg"),
    explores("29-numbers/hm_ids.csv", 24, classes=THREE, or_says=r"\.jpg"),
    refuses("explore", "29-numbers/hm_ids_excel.csv", "relative to|no image"),
    explores("30-multilabel/labelstudio.csv", 24, says="choices|JSON|list", or_says="choices|JSON"),
    explores("30-multilabel/pylist.csv", 24, says=r"\['|list", or_says=r"\['|list"),
    explores("30-multilabel/list.parquet", 24, classes=THREE, or_says="label.*list|list.*label"),
    refuses("explore", "30-multilabel/onehot.csv", "label"),
    explores("30-multilabel/pipe.csv", 24),
    explores("30-multilabel/comma.csv", 24),
]

READ_BY_ALL = (
    *("bom.csv", "semicolon.csv", "sep_line.csv", "sep_bom_utf16.csv", "utf16.csv", "cr_only.csv"),
    *("tabs.tsv", "tabs.txt", "tab.tab", "blank_rows.csv", "blank_rows_semi.csv"),
    *("trailing_comma.csv", "empty_lines.csv", "quoted_newlines.csv", "loose_quotes.csv"),
    *("index.csv", "gz.csv.gz", "gz_named.csv", "cell_200k.csv", "eof26.csv"),
)

CSV_FORMS = [
    *(expected for name in READ_BY_ALL for expected in same_for_all(f"31-csv-forms/{name}", 18)),
    *(trains(f"31-csv-forms/{name}", 18) for name in ("sep_line.csv", "blank_rows.csv")),
    trains("31-csv-forms/tabs.tsv", 18),
    *(reads(f"31-csv-forms/straddle_{offset:+d}.csv", 24) for offset in range(-3, 4)),
    *(
        refuses("explore", f"31-csv-forms/{name}", said)
        for name, said in {
            "no_header.csv": "column",
            "names.csv": "filename",
            "comment.csv": "column|header",
        }.items()
    ),
    *(
        explores(f"31-csv-forms/{name}", 18, or_says=r"(row|line) \d+")
        for name in (
            *("quote_start.csv", "backslash_quotes.csv", "mixed_encodings.csv", "cp1252.csv"),
            *("mixed_label.csv", "mac_roman.csv", "nul.csv", "ragged_header.csv"),
        )
    ),
    Expected(command="explore", data="31-csv-forms/twice.csv", codes=(0, 2)),
    Expected(command="predict", data="31-csv-forms/cell_3m.csv", rows=18),
    audits("31-csv-forms/cell_3m.csv", 18),
    *(
        Expected(command="predict", data=f"31-csv-forms/{name}", codes=(0, 2), rows=18)
        for name in ("quote_start.csv", "mixed_encodings.csv", "cp1252.csv", "ragged_header.csv")
    ),
    Expected(command="predict", data="31-csv-forms/gz_lies.csv.gz", rows=18, or_says=("gzip",)),
]

CONTAINERS = [
    *(
        refuses("predict", f"32-containers/{name}", said, never="convert it")
        for name, said in {
            "images.zip": "zip",
            "shard-000000.tar": r"\btar\b",
            "images.tar.gz": r"\btar\b|gzip",
            "metadata.jsonl": "JSON",
            "data.json": "JSON",
            "feed.xlsx": "Excel|XLSX",
            "really_xlsx.csv": "Excel|XLSX",
            "html_table.csv": "HTML",
            "html_table.xls": "HTML|Excel|XLS",
            "feed.feather": "Feather|Arrow",
            "feed.pkl": "pickle",
        }.items()
    ),
    *(
        refuses(command, f"32-containers/{name}", said)
        for name, said in {"images.zip": "zip", "really_xlsx.csv": "Excel|XLSX"}.items()
        for command in ("explore", "train", "audit")
    ),
    names_fault("32-containers/renamed.jpg", "zip"),
    explores("32-containers/renamed.csv", 18, classes=THREE, or_says="Parquet"),
    explores("32-containers/renamed.parquet", 18, classes=THREE, or_says="CSV|text"),
    Expected(command="predict", data="32-containers/renamed.csv", rows=18, or_says=("Parquet",)),
    explores("32-containers/parts", 18, classes=THREE, or_says="Parquet|part-0"),
    Expected(command="predict", data="32-containers/parts", rows=18, or_says=("Parquet|part-0",)),
]

PARQUET_OF_IMAGES = [
    Expected(
        command=command,
        data=f"33-hf-parquet/{name}.parquet",
        rows=18,
        errors=0 if command == "predict" else None,
        options=("--model", "none") if command == "explore" else (),
        or_says=("'?image'?", "bytes|struct|images (inside|within)"),
    )
    for name in ("photos-train-00000-of-00001", "plain_bytes", "paths_in_struct")
    for command in ("predict", "explore", "train", "audit")
]

BAD_ROWS = [
    Expected(command="predict", data="34-styles-csv/styles.csv", rows=30, errors=2),
    audits("34-styles-csv/styles.csv", 30, errors=2),
    explores("34-styles-csv/styles.csv", 28, classes=THREE, says=r"line 7|row 7|line 6|row 6"),
    trains("34-styles-csv/styles.csv", 28),
]

LISTS = [
    *(
        lists(f"46-lists/{name}.txt", 12)
        for name in ("lf", "crlf", "bom", "nul", "utf16", "quoted", "spaces")
    ),
    lists("46-lists/label.txt", 12, errors=12),
    lists("46-lists/dups.txt", 5),
    reads("46-lists/dups.csv", 6),
]

TABLES = [
    *PATHS,
    *ADDRESSES,
    *LABELS,
    *CSV_FORMS,
    *CONTAINERS,
    *PARQUET_OF_IMAGES,
    *BAD_ROWS,
    *LISTS,
]

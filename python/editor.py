"""The annotation editor of Label Studio, for the server to embed: files of one wheel, unmodified, gzipped.

Takes one wheel from the Python package index, checks its hash and each file's, and writes `NAME.gz` for each
into FOLDER with a `manifest.json`:
{version, build, load: [file], styles: [file], editor: module, tailwind: module, flags: {name: bool}, files: {name: sha256}}.

The editor is not published by itself: it is among the webpack chunks of Label Studio's own web application.
Which modules to ask for is found in the files; a version that is built differently ends here, in words.
"""

import ast
import gzip
import hashlib
import json
import re
import sys
from pathlib import Path

import wheels

VERSION = "1.23.2"
PIN = f"label-studio=={VERSION}"
SHA256 = "c575b2552d0b271554224c5e56ab2ce9449c6e62a0b4851bc8c706d8fe651137"

APP = "web/dist/apps/labelstudio"
LICENCES = f"label_studio-{VERSION}.dist-info/licenses"
FONTS = "label_studio/core/static/fonts"

# Path in the wheel, its SHA-256. Loaded at once, then on demand, then fonts and licences.
# `decode-audio.wasm` (FFmpeg, LGPL) stays out: only `<Audio decoder="ffmpeg">` asks for it.
FILES = {
    f"{APP}/runtime.js": "35d95b6163d6a7d6f45d2ba7c15fa6bf8a87cdd199a5453870b08b813ece212a",
    f"{APP}/vendor.js": "5a166263b33057d0cb8a74e71461afda6dedb3c0f399499717ffd7bbfb04fc99",
    f"{APP}/main.js": "a92a1e9cb754dcbb380c7209ddd022a9c2fc876f760c1a1b65394e7df54f20b4",
    f"{APP}/594.js": "8cf4d2319d03e90779b330c3fb5d276c6a462fce5e14bc474a1b4d2e027cec66",
    f"{APP}/288.js": "f1a0a45d32df18921c7c4bf2cad4a7886fbf44b5842152bf56e09d14e70027fd",
    f"{APP}/358.js": "4ab02f0ee667be3c3bfc9df3c9fb847c530e6de9cbcae134c813ef83ae6b45ec",
    f"{APP}/main.css": "f22cfdf2a5708a3d9dc93faf01d023b0aa8e83ecd449bf708e82b8c9484550ac",
    f"{APP}/358.css": "926445044853b3a57dc18eaacc428cb1b7904107fa85724791644a9777132b68",
    f"{APP}/559.js": "e73d91c5124c60feebdf415a6b7d2ddd9752ece48c75d8450e4c3bba4020a61a",
    f"{APP}/710.js": "46c4d1365c580ce5e5937e246db081222ff41aa420f4c112f87bfd2449301969",
    f"{APP}/779.js": "4694d2294d8f4b3a4b63a5455abdbe2d0c4bf5aa04ea2568925f3930259aa298",
    f"{APP}/943.js": "e35a28bc06cc9c85801406a8792993181399b8b5b4d72cd5fe5f6733eb1e6dab",
    f"{APP}/99.js": "29e5ad6518e27da78ea183b3a51a66ed2a6d42601bd482833b204b7574899056",
    f"{FONTS}/Figtree-Regular.ttf": "ccf1ccc32671c6f48e027f43a5150042c74c5bfa655510b9cc7d0d5dfa38b849",
    f"{FONTS}/Figtree-SemiBold.ttf": "8b54a3a63bfb973cf650974764715ca656777f4e1c5f6a1a021711e6a6d450ef",
    f"{LICENCES}/LICENSE": "ca656b15c1e22468c7798df4356660755fb1ccd12d7ee0bade82bd65e3038e1b",
    f"{LICENCES}/NOTICE": "c2878293b2b07a7d4513e6938fd73b0fbe2bb5f441b0dcb4f200f2e8cf87fcf7",
    f"{APP}/3rdpartylicenses.txt": "95633c6b6724e87b765831dd1b953d61666ea5a91f1adef7e2c7c8c881bfb022",
}

NOTES = f"""\
The annotation editor in Longshore
==================================

The files of this folder are taken unmodified from the package {PIN} of the Python package index
(SHA-256 {SHA256}),
except this text and the loader, which are Longshore's.

Label Studio is licensed under the Apache License 2.0: see LICENSE and NOTICE.
Packages that are part of its files, with their licences: see 3rdpartylicenses.txt.

The audio decoder
-----------------
288.js contains the JavaScript part of @humansignal/audio-file-decoder, licensed under the GNU Lesser General
Public License 2.1 or later; the licence's text is in 3rdpartylicenses.txt under that name. Its WebAssembly part
(decode-audio.wasm, with FFmpeg) is not included: Label Studio uses it only for <Audio decoder="ffmpeg">.
Its source: the npm package @humansignal/audio-file-decoder, and, as it was built in, the source map 288.js.map
in the package {PIN}. You may replace it: build Label Studio's web application with your version of it, put the
resulting files in place of these, and build Longshore.

The typeface
------------
Figtree-Regular.ttf and Figtree-SemiBold.ttf: Copyright 2022 The Figtree Project Authors
(https://github.com/erikdkennedy/figtree), licensed under the SIL Open Font License 1.1
(https://scripts.sil.org/OFL), as the files themselves say.
"""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: editor.py FOLDER")
    prepare(Path(sys.argv[1]))


def prepare(folder: Path) -> None:
    """Writes the files and the manifest, unless these very scripts have written them there before."""
    stamp = wheels.made_from(Path(__file__))
    manifest = folder / "manifest.json"
    if is_made(folder, manifest, stamp):
        return
    wheel = wheels.fetch(PIN, SHA256)
    contents = {}
    for path, sha256 in FILES.items():
        contents[Path(path).name] = content = wheel.read(path)
        if hashlib.sha256(content).hexdigest() != sha256:
            sys.exit(f"{PIN}: {path} is not the pinned file")
    contents["NOTES.txt"] = NOTES.encode()
    made = {"made_from": stamp, **describe(contents, flags(wheel))}

    folder.mkdir(parents=True, exist_ok=True)
    # Without its manifest, a folder that is half written is no editor.
    for old in (manifest, *folder.glob("*.gz")):
        old.unlink(missing_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    manifest.write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def is_made(folder: Path, manifest: Path, stamp: str) -> bool:
    if not manifest.exists():
        return False
    made = json.loads(manifest.read_text("utf-8"))
    return made["made_from"] == stamp and all((folder / f"{name}.gz").exists() for name in made["files"])


def describe(contents: dict[str, bytes], all_flags: dict[str, bool]) -> dict:
    """What the page's loader must know, found in the files."""
    scripts = {name: content.decode() for name, content in contents.items() if name.endswith(".js")}
    chunks = {chunk_id(text): name for name, text in scripts.items() if "webpackChunklabelstudio||[]).push" in text}

    # import() of the editor by the application: the chunks it loads, the module it asks for.
    imports = re.findall(r"Promise\.all\(\[((?:\w+\.e\(\d+\),?)+)\]\)\.then\(\w+\.bind\(\w+,(\d+)\)\)", scripts["main.js"])
    editors = {
        (tuple(re.findall(r"\.e\((\d+)\)", chunk_list)), int(module))
        for chunk_list, module in imports
        if any("window.LabelStudio=" in scripts.get(chunks.get(chunk), "") for chunk in re.findall(r"\d+", chunk_list))
    }
    needed, editor = only("the editor's module", editors)
    load = [chunks.get(chunk, f"chunk {chunk}") for chunk in needed]
    load.insert(1, "main.js")

    # The stylesheet module of Tailwind: `ID:(e,t,n)=>{… .push([e.id,"/*\n! tailwindcss …`
    tailwind = only("Tailwind's module", set(re.findall(
        r'(\d+):\(\w+,\w+,\w+\)=>\{"use strict";.{0,160}?\.push\(\[\w+\.id,"/\*\\n! tailwindcss', scripts["main.js"])))

    on_demand = {f"{chunk}.js" for name in load if name != "main.js"
                 for chunk in re.findall(r"\b\w\.[eu]\((\d+)\)", scripts.get(name, ""))}
    absent = (on_demand | set(load)) - contents.keys()
    if absent:
        sys.exit(f"{PIN}: the editor needs files that are not pinned: {', '.join(sorted(absent))}")

    text = "".join(scripts.values())
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return {
        "version": VERSION,
        # Of the addresses, which browsers keep for good.
        "build": hashlib.sha256(json.dumps(files).encode()).hexdigest()[:12],
        "load": [*load, "runtime.js"],
        "styles": [name for name in contents if name.endswith(".css")],
        "editor": editor,
        "tailwind": int(tailwind),
        "flags": {name: on for name, on in sorted(all_flags.items()) if name in text},
        "files": files,
    }


def chunk_id(text: str) -> str:
    """`….push([[502],{…`"""
    return only("a chunk's number", set(re.findall(r"webpackChunklabelstudio\|\|\[\]\)\.push\(\[\[(\d+)\],", text)))


def only(what: str, found: set):
    if len(found) != 1:
        sys.exit(f"{PIN} is built differently than expected: {what} was found {len(found)} times; "
                 "python/editor.py needs to learn its shape")
    (one,) = found
    return one


def flags(wheel) -> dict[str, bool]:
    """Feature flags as Label Studio Community sets them: its flags file, then the settled ones over it.

    Rules and targets in the file name single accounts of the vendor, so everybody else falls through."""
    values = {
        name: flag["variations"][flag["fallthrough"]["variation"] if flag["on"] else flag["offVariation"]]
        for name, flag in json.loads(wheel.read("label_studio/feature_flags.json"))["flags"].items()
    }
    settled = ast.parse(wheel.read("label_studio/core/feature_flags/stale_feature_flags.py"))
    (assignment,) = (node for node in settled.body if isinstance(node, ast.Assign))
    return {**values, **ast.literal_eval(assignment.value)}


if __name__ == "__main__":
    main()

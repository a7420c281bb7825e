"""Real pictures, sounds, a video clip and texts for the demo, with sources and licences.

Takes two wheels from the Python package index, checks their hashes, and writes the files below
FOLDER with a `manifest.json`: [{file?, blob_name, content_type, source, licence}].
`media.py --document` prints docs/demo-media.md from the same table.
"""

import json
import mimetypes
import shutil
import sys
from pathlib import Path

import wheels

SKIMAGE = "scikit-image==0.26.0"
ARCADE = "arcade==3.3.3"

# Exactly these files, whatever the machine: nothing of them is run.
WHEELS = {
    SKIMAGE: {
        "sha256": "7df650e79031634ac90b11e64a9eedaf5a5e06fcd09bcd03a34be01745744466",
        "options": ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_24_x86_64",
                    "--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"],
    },
    ARCADE: {
        "sha256": "25f4e0e5b8bcbe7a7d087c0a23b19e9f423b0c70ec00945c8712c9a3e541ebd2",
        "options": [],
    },
}

PICTURES = "skimage/data"
ASSETS = "arcade/resources/assets"
CC0 = "CC0 1.0"
PUBLIC_DOMAIN = "public domain"
KENNEY = "Kenney, kenney.nl"

# wheel, member, blob name, licence, author (as the package names them)
MEDIA = [
    (SKIMAGE, f"{PICTURES}/astronaut.png", "photos/astronaut Eileen Collins.png", PUBLIC_DOMAIN, "NASA"),
    (SKIMAGE, f"{PICTURES}/camera.png", "photos/camera #1.png", CC0, "Lav Varshney"),
    (SKIMAGE, f"{PICTURES}/coffee.png", "photos/100% coffee.png", CC0, "Rachel Michetti"),
    (SKIMAGE, f"{PICTURES}/chelsea.png", "photos/🐈 Chelsea.png", CC0, "Stefan van der Walt"),
    (SKIMAGE, f"{PICTURES}/clock_motion.png", "photos/clock [motion].png", PUBLIC_DOMAIN, "Stefan van der Walt"),
    (SKIMAGE, f"{PICTURES}/horse.png", "photos/horse+silhouette.png", CC0, "Andreas Preuss"),
    (SKIMAGE, f"{PICTURES}/text.png", "photos/deep/er/still deeper/text 'corner' (1).png", PUBLIC_DOMAIN, "Wikipedia"),
    (SKIMAGE, f"{PICTURES}/retina.jpg", "médical/œil gauche/rétine.jpg", CC0, "Mikael Häggström"),
    (SKIMAGE, f"{PICTURES}/cell.png", "médical/Zelle in Kochsalzlösung.png", CC0, "Paul Müller and others"),
    (SKIMAGE, f"{PICTURES}/microaneurysms.png", "médical/微小動脈瘤.png", CC0, "Andreas Maier"),
    (SKIMAGE, f"{PICTURES}/hubble_deep_field.jpg", "space/hubble deep field?.jpg", PUBLIC_DOMAIN, "NASA"),
    (SKIMAGE, f"{PICTURES}/rocket.jpg", "space/2015/02/rocket & launch=1.jpg", PUBLIC_DOMAIN, "SpaceX"),
    (SKIMAGE, f"{PICTURES}/brick.png", "textures/brick.png", CC0, "CC0Textures"),
    (SKIMAGE, f"{PICTURES}/grass.png", "textures/grass;v=2.png", CC0, "linolafett"),
    (SKIMAGE, f"{PICTURES}/gravel.png", "textures//gravel.png", CC0, "CC0Textures"),
    *[
        (ARCADE, f"{ASSETS}/images/{member}", blob_name, CC0, KENNEY)
        for member, blob_name in [
            ("alien/alienBlue_front.png", "sprites/alien, blue.png"),
            ("alien/alienBlue_jump.png", "sprites/alien@2x.png"),
            ("alien/alienBlue_walk1.png", "sprites/alien~walk-1.png"),
            ("enemies/bee.png", "sprites/🐝.png"),
            ("enemies/fishGreen.png", "sprites/poisson_vert_été.png"),
            ("enemies/fishPink.png", "sprites/fish%20pink.png"),
            ("enemies/fly.png", "sprites/.fly.png"),
            ("enemies/frog.png", "sprites/frog.PNG"),
            ("enemies/ladybug.png", "sprites/божья коровка.png"),
            ("enemies/saw.png", "sprites/a:b*saw.png"),
            ("cards/cardJoker.png", "cards/{joker}.png"),
            ("tiles/dirt.png", "tiles/d/i/r/t/dirt.png"),
            ("tiles/grass.png", "tiles/grass.v1.final.png"),
            ("tiles/sand.png", "tiles/سطح الرمل.png"),
            ("tiles/snow.png", "tiles/snow^❄️.png"),
        ]
    ],
    *[
        (ARCADE, f"{ASSETS}/sounds/{member}", blob_name, CC0, KENNEY)
        for member, blob_name in [
            ("coin1.wav", "audio/coin 1.wav"),
            ("error1.wav", "audio/error #1.wav"),
            ("explosion1.wav", "audio/50%+explosion.wav"),
            ("fall1.wav", "audio/fall.wav"),
            ("jump1.wav", "audio/jump!.wav"),
            ("laser1.mp3", "audio/laser.mp3"),
            ("laser1.ogg", "audio/laser.ogg"),
            ("upgrade1.wav", "audio/🔊 upgrade.wav"),
        ]
    ],
    (ARCADE, f"{ASSETS}/video/earth.mp4", "video/earth at night.mp4", PUBLIC_DOMAIN,
     "NASA Earth Observatory, Robert Simmon"),
    (ARCADE, f"{ASSETS}/video/readme.txt", "text/earth at night, credits.txt", "MIT", "Python Arcade"),
    (ARCADE, f"{ASSETS}/images/License.txt", "text/Kenney's licence.txt", CC0, KENNEY),
    (SKIMAGE, "scikit_image-0.26.0.dist-info/LICENSE.txt", "text/scikit-image + licence.txt", "BSD-3-Clause",
     "the scikit-image team"),
]

# Zero-byte blobs that tools leave behind for folders.
FOLDER_MARKERS = ["photos/", "médical/œil gauche/"]


def main() -> None:
    if sys.argv[1:] == ["--document"]:
        print(document())
    elif len(sys.argv) == 2:
        prepare(Path(sys.argv[1]))
    else:
        sys.exit("usage: media.py FOLDER | --document")


def prepare(folder: Path) -> None:
    """Writes the files and the manifest, unless this very table has been written there before."""
    stamp = folder / "prepared-from"
    version = wheels.made_from(Path(__file__))
    if stamp.exists() and stamp.read_text() == version and all((folder / name).exists() for name in files()):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archives = {pin: wheels.fetch(pin, wheel["sha256"], wheel["options"]) for pin, wheel in WHEELS.items()}
    for (pin, member, *_), name in zip(MEDIA, files()):
        (folder / name).write_bytes(archives[pin].read(member))
    (folder / "manifest.json").write_text(json.dumps(manifest(), ensure_ascii=False, indent=1), "utf-8")
    stamp.write_text(version)


def files() -> list[str]:
    """Plain file names: the odd ones are for blobs."""
    return [f"{number:02}-{Path(member).name}" for number, (_, member, *_) in enumerate(MEDIA, 1)]


def manifest() -> list[dict]:
    blobs = [
        {
            "file": file,
            "blob_name": blob_name,
            "content_type": content_type(blob_name),
            "source": f"{author}; from {pin}, {member}",
            "licence": licence,
        }
        for (pin, member, blob_name, licence, author), file in zip(MEDIA, files())
    ]
    markers = [
        {"blob_name": name, "content_type": "application/octet-stream", "source": "a folder marker", "licence": CC0}
        for name in FOLDER_MARKERS
    ]
    return blobs + markers


def content_type(blob_name: str) -> str:
    known = {".wav": "audio/wav", ".ogg": "audio/ogg", ".txt": "text/plain; charset=utf-8"}
    suffix = Path(blob_name).suffix.lower()
    return known.get(suffix) or mimetypes.types_map[suffix]


def document() -> str:
    rows = [
        f"| `{blob_name}` | {author} | {licence} | {pin}: `{member}` |"
        for pin, member, blob_name, licence, author in MEDIA
    ]
    markers = ", ".join(f"`{name}`" for name in FOLDER_MARKERS)
    return "\n".join([
        "# The demo's media",
        "",
        "`cargo xtask media` takes these files from two packages of the Python package index, pinned by version",
        "and SHA-256. Nothing of them is in this repository, and nothing of them is run.",
        "The licences are as the packages state them: scikit-image in the documentation of each picture",
        "(`skimage/data/_fetchers.py`; pictures without a stated licence are not used), Arcade in the licence and",
        "readme files beside its assets. The blob names are ours, chosen to be difficult.",
        f"Two folder markers (zero bytes) are added: {markers}.",
        "",
        "This page is printed by `python3 python/media.py --document`.",
        "",
        "| blob | by | licence | source |",
        "|---|---|---|---|",
        *rows,
    ])


if __name__ == "__main__":
    main()

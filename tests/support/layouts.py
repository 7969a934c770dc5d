"""Public data sets in small: the folders, names and lists that they come in, with smooth pictures."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size=(48, 48), kind="PNG") -> bytes:
    """A file with a smooth gray picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# Emotion of the i-th picture of a split, and the vote columns of FER+.
FERPLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")


def ferplus(n=12, lists=True) -> dict[str, bytes | str]:
    """``FER2013Train|Valid|Test/ferNNNNNNN.png`` with ``label.csv``; every tenth column wins in turn."""
    files: dict[str, bytes | str] = {}
    number = 0
    for folder in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        lines = []
        for i in range(n):
            name = f"fer{number:07}.png"
            votes = [6 if column == i % 10 else 1 if column == (i + 1) % 10 else 0 for column in range(10)]
            lines.append(f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}')
            files[f"{folder}/{name}"] = picture(number)
            number += 1
        if lists:
            files[f"{folder}/label.csv"] = "\n".join(lines) + "\n"
    return files


def rafdb(n=14) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    lines = []
    for split, count in (("train", 2 * n), ("test", n)):
        for i in range(1, count + 1):
            lines.append(f"{split}_{i:05}.jpg {(i - 1) % 7 + 1}")
            files[f"basic/Image/aligned/{split}_{i:05}_aligned.jpg"] = picture(i + len(split), kind="JPEG")
            files[f"basic/Image/original/{split}_{i:05}.jpg"] = picture(i, (64, 80), kind="JPEG")
            files[f"basic/Annotation/manual/{split}_{i:05}_manu_attri.txt"] = "1 2 3\n"
    files["basic/EmoLabel/list_patition_label.txt"] = "\n".join(lines) + "\n"
    return files


AFFECTNET_HEAD = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def affectnet_csv(n=22) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for split, first in (("training", 0), ("validation", 500)):
        lines = [AFFECTNET_HEAD]
        for i in range(n):
            name = f"{(first + i) % 5}/{first + i:x}ab.jpg"
            lines.append(f"{name},8,4,40,40,1.5;2.5;3.5,{i % 11},0.1,-0.2")
            files[f"Manually_Annotated_Images/{name}"] = picture(first + i, (60, 60), "JPEG")
        files[f"Manually_Annotated_file_lists/{split}.csv"] = "\n".join(lines) + "\n"
    return files


def affectnet_npy(n=16) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for split in ("train_set", "val_set"):
        for i in range(n):
            stream = io.BytesIO()
            np.save(stream, np.array(str(i % 8)))
            files[f"{split}/annotations/{i}_exp.npy"] = stream.getvalue()
            files[f"{split}/annotations/{i}_aro.npy"] = stream.getvalue()
            files[f"{split}/images/{i}.jpg"] = picture(i + len(split), (32, 32), "JPEG")
    return files


def ckplus(persons=12) -> dict[str, bytes | str]:
    """The original layout: sequences of three frames, of which the last has a label."""
    files: dict[str, bytes | str] = {}
    for person in range(persons):
        for sequence in range(1, 8):
            place = f"S{person:03}/{sequence:03}/S{person:03}_{sequence:03}"
            for frame in (1, 2, 3):
                files[f"cohn-kanade-images/{place}_{frame:08}.png"] = picture(person * 50 + sequence * 5 + frame)
            files[f"Emotion/{place}_00000003_emotion.txt"] = f"   {sequence:.7e}\n"
    return files


def ckextended(n=64) -> str:
    """``emotion,pixels,Usage`` with eight classes; contempt is rarer."""
    rows = ["emotion,pixels,Usage"]
    usages = ("Training",) * 8 + ("PublicTest", "PrivateTest")
    for i in range(n):
        pixels = " ".join(map(str, np.random.default_rng(i).integers(0, 256, 2304)))
        rows.append(f"{i % 8},{pixels},{usages[(i // 8) % 10]}")
    return "\n".join(rows) + "\n"


def write_parquet(path: Path, n: int, *, names=("happy", "sad"), plain=False, seed=0, usage=None) -> Path:
    """As Hugging Face writes it: pictures as structs, the names of classes in the schema's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [picture(seed + i) for i in range(n)]
    cells = images if plain else [{"bytes": image, "path": f"{i}.png"} for i, image in enumerate(images)]
    table = pa.table({"image": cells, "label": [i % 2 for i in range(n)]})
    if usage:
        table = table.append_column("Usage", pa.array(usage))
    if names:
        feature = {"label": {"names": list(names), "_type": "ClassLabel"}, "image": {"_type": "Image"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": feature}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path

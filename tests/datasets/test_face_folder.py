"""Trees of class folders, from the disk or a zip to a data set."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets import load_faces, prepared
from fer_keras.datasets.sources.recognise import Source, recognise
from fer_keras.datasets.sources.tree import TreeSource
from fer_keras.emotions import AFFECTNET8, FER7
from fer_keras.errors import DataError

SUFFIXES = (".png", ".jpg", ".webp", ".bmp")


def picture(seed, size=(48, 48), mode="L", suffix=".png", **options):
    """A smooth picture, so that lossy formats change it little."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, Image.registered_extensions()[suffix], **options)
    return buffer.getvalue()


def write_folder(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def class_folders(names=("happy", "sad"), n=10):
    return {f"{name}/{i}.png": picture(100 * k + i) for k, name in enumerate(names) for i in range(n)}


def sizes(dataset):
    return {name: len(split) for name, split in dataset.splits.items()}


@pytest.fixture
def load(tmp_path):
    def load(path, **options):
        return load_faces(path, cache_dir=tmp_path / "cache", **options)

    return load


def test_all_formats_sizes_and_modes_become_one_size_of_gray(tmp_path, load):
    modes, shapes = ("L", "RGB", "L", "RGB"), ((48, 48), (96, 96), (24, 24), (300, 200))
    files = {
        f"{split}/{name}/{i}{suffix}": picture(f"{split}{name}{i}".encode()[-1] + 7 * i, shape, mode, suffix)
        for split in ("train", "val", "test")
        for name in ("Happy", "Sad")
        for i, (suffix, mode, shape) in enumerate(zip(SUFFIXES, modes, shapes, strict=True))
    }
    dataset = load(write_folder(tmp_path / "tree", files), image_size=64)
    assert (dataset.name, dataset.classes, dataset.image_size) == ("tree", ("happy", "sad"), 64)
    assert sizes(dataset) == {"train": 8, "validation": 8, "test": 8}
    for name, split in dataset.splits.items():
        assert (split.images.shape, split.images.dtype) == ((8, 64, 64, 1), np.uint8)
        folder = {"validation": "val"}.get(name, name)
        assert {identity.split("/")[0] for identity in split.ids} == {folder}
        for identity, label in zip(split.ids, split.labels, strict=True):
            assert identity.split("/")[1].lower() == dataset.classes[label]
    assert dataset.notices == ("6 of 24 images are not square and were stretched",)


def test_exif_turns_the_face(tmp_path, load):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    files = class_folders() | {"sad/0.png": picture(500), "happy/0.jpg": picture(500, suffix=".jpg", exif=exif)}
    dataset = load(write_folder(tmp_path / "tree", files))
    found = {i: image for split in dataset.splits.values() for i, image in zip(split.ids, split.images, strict=True)}
    turned = np.rot90(found["sad/0.png"][..., 0], -1).astype(int)
    assert np.abs(found["happy/0.jpg"][..., 0] - turned).mean() < 3


def test_a_flat_tree_is_cut_the_same_way_every_time_and_copies_stay_together(tmp_path, load):
    files = class_folders(n=20)
    files |= {f"happy/copy{i}.png": files["happy/3.png"] for i in range(4)}
    files["sad/copy.bmp"] = picture(3, suffix=".bmp")  # the same pixels in another format, under another label
    root = write_folder(tmp_path / "tree", files)
    dataset = load(root)
    assert sum(sizes(dataset).values()) == len(files)
    assert "validation and test cut from the class folders by seed 0" in dataset.notices[0]
    where = {identity: name for name, split in dataset.splits.items() for identity in split.ids}
    copies = ["happy/3.png", *(f"happy/copy{i}.png" for i in range(4)), "sad/copy.bmp"]
    assert len({where[name] for name in copies}) == 1
    for split in dataset.splits.values():
        assert set(split.labels) == {0, 1}
    assert load_faces(root, cache_dir=tmp_path / "other cache").sha256 == dataset.sha256
    assert load(root, split_seed=1).sha256 != dataset.sha256
    thirds = load(root, split_fractions=(0.4, 0.3, 0.3))
    assert sizes(thirds)["test"] > sizes(dataset)["test"]


def test_what_the_copy_depends_on_is_in_its_key(tmp_path, load, monkeypatch):
    keys = []

    def note(folder, make_builder, **options):
        keys.append(folder.name)
        raise InterruptedError

    monkeypatch.setattr(prepared, "load_prepared", note)
    root = write_folder(tmp_path / "tree", class_folders())
    options = ({}, {"image_size": 32}, {"split_seed": 1}, {"split_fractions": (0.6, 0.2, 0.2)}, {"on_bad": "skip"})
    for chosen in (*options, {}):
        with pytest.raises(InterruptedError):
            load(root, **chosen)
    assert len(set(keys)) == len(options)
    (root / "happy" / "0.png").write_bytes(picture(999))
    with pytest.raises(InterruptedError):
        load(root)
    assert len(set(keys)) == len(options) + 1


def test_a_missing_validation_split_is_cut_from_train(tmp_path, load):
    files = {f"{split}/{name}": data for split in ("train", "test") for name, data in class_folders().items()}
    dataset = load(write_folder(tmp_path / "tree", files))
    assert sizes(dataset) == {"train": 18, "validation": 2, "test": 20}
    assert all(identity.startswith("train/") for identity in dataset.splits["validation"].ids)
    assert dataset.notices[0].startswith("validation cut from the train folder by seed 0")


def test_names_of_files_may_hold_any_letters(tmp_path, load):
    files = class_folders() | {"happy/Übermut 喜.png": picture(500)}
    dataset = load(write_folder(tmp_path / "tree", files))
    assert "happy/Übermut 喜.png" in {identity for split in dataset.splits.values() for identity in split.ids}


@pytest.mark.parametrize("prefix", ["", "archive/"])
def test_a_zip_gives_the_same_faces_as_the_folder(tmp_path, load, prefix):
    files = {prefix + name: data for name, data in class_folders().items()}
    zipped = load(write_zip(tmp_path / "tree.zip", files))
    folder = load(write_folder(tmp_path / "tree", files))
    assert zipped.sha256 == folder.sha256
    assert list(zipped.splits["train"].ids) == list(folder.splits["train"].ids)


def test_junk_of_operating_systems_is_no_matter(tmp_path):
    files = class_folders()
    junk = {"happy/.DS_Store": b"x", "sad/Thumbs.db": b"x", "__MACOSX/happy/._0.png": b"x", ".cache/sad/1.png": b"x"}
    for path in (write_folder(tmp_path / "tree", files | junk), write_zip(tmp_path / "tree.zip", files | junk)):
        tree = recognise(path).arrange()
        assert [file.name for file in tree.files] == sorted(files)


BROKEN = {
    "zero bytes": (b"", r"the image is empty"),
    "truncated": (picture(1, suffix=".jpg")[:300], r"damaged or truncated JPEG"),
    "svg named png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", r"not an image of a known format"),
}


@pytest.mark.parametrize(("data", "reason"), BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_a_broken_file_is_named_or_skipped_and_counted(tmp_path, load, write, data, reason):
    path = write(tmp_path / "tree", class_folders() | {"sad/broken.png": data})
    with pytest.raises(DataError, match=rf"tree, sad/broken\.png: {reason}"):
        load(path)
    for _ in range(2):  # prepared, then from the copy
        dataset = load(path, on_bad="skip")
        assert sum(sizes(dataset).values()) == 20
        assert dataset.notices[0].startswith("1 of 21 rows or files were skipped")


def test_unsafe_zips_are_refused(tmp_path, load):
    for name in ("../happy/x.png", "/happy/x.png"):
        with pytest.raises(DataError, match="climbs out|absolute"):
            load(write_zip(tmp_path / "tree.zip", class_folders() | {name: picture(0)}))


def test_a_class_without_an_image_is_refused(tmp_path, load):
    root = write_folder(tmp_path / "tree", class_folders())
    (root / "fear").mkdir()
    with pytest.raises(DataError, match=r"no training image of the class fear\. Remove its folder"):
        load(root)
    (root / "fear" / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="no training image of the class fear is left"):
        load(root, on_bad="skip")


def test_a_tree_too_small_to_cut_is_refused(tmp_path, load):
    with pytest.raises(DataError, match="the validation split would be empty"):
        load(write_folder(tmp_path / "tree", class_folders(n=2)))


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("Sleepy", "bored", "Awake"), ("Awake", "Sleepy", "bored")),
        (("Surprised", "Anger", "Neutral"), ("angry", "surprise", "neutral")),
        (("Happy", "Contempt", "Angry", "Sadness"), ("anger", "contempt", "happiness", "sad")),
    ],
)
def test_class_names(tmp_path, load, folders, expected):
    files = class_folders(folders, n=3)
    dataset = load(write_folder(tmp_path / "tree", files))
    assert dataset.classes == expected
    assert {*FER7, *AFFECTNET8}.issuperset(expected) or expected == tuple(sorted(folders))


def test_a_class_missing_from_a_held_out_split_is_said(tmp_path, load):
    files = {f"train/{name}": data for name, data in class_folders().items()}
    files |= {f"val/{name}": data for name, data in class_folders().items()} | {"test/sad/1.png": picture(7)}
    assert load(write_folder(tmp_path / "tree", files)).notices == ("test holds no face of the class happy",)


def test_a_limit_keeps_faces_of_every_class(tmp_path, load):
    part = load(write_folder(tmp_path / "tree", class_folders(n=30)), limit=12)
    assert set(part.splits["train"].labels) == {0, 1}
    assert len(part.splits["train"]) == 12


def test_fer2013_is_told_by_its_file_names(tmp_path, tiny):
    fer = tiny.write_folder(tmp_path / "any name")
    assert isinstance(recognise(fer), Source)
    assert isinstance(recognise(tiny.write_zip(tmp_path / "x.zip", "deep/")), Source)
    renamed = {name.replace("Training_", "im"): data for name, data in tiny.files()}
    renamed = {name.replace("PublicTest_", "im").replace("PrivateTest_", "im"): data for name, data in renamed.items()}
    for path in (write_folder(tmp_path / "fer2013", renamed), write_zip(tmp_path / "fer2013.zip", renamed)):
        assert isinstance(recognise(path), TreeSource)


def test_other_sizes_are_a_matter_of_trees(tmp_path, tiny, load):
    (tmp_path / "x.csv").write_text(tiny.csv_text())
    with pytest.raises(DataError, match="the fer2013 faces are 48x48.*Received: 224"):
        load(tmp_path / "x.csv", image_size=224)
    with pytest.raises(DataError, match="the synthetic faces are 48x48"):
        load("synthetic", image_size=64)


def test_the_builder_by_its_name(tmp_path):
    import tensorflow_datasets as tfds

    root = write_folder(tmp_path / "tree", class_folders())
    options = {"builder_kwargs": {"source": str(root), "image_size": 32}, "data_dir": tmp_path / "tfds"}
    dataset, info = tfds.load("face_folder", split="train", with_info=True, **options)
    assert info.features["label"].names == ["happy", "sad"]
    example = next(iter(dataset.as_numpy_iterator()))
    assert example["image"].shape == (32, 32, 1)
    with pytest.raises(DataError, match="prepared from another tree than|other options"):
        tfds.builder("face_folder", source=str(root), image_size=48, data_dir=tmp_path / "tfds")
    with pytest.raises(DataError, match=r"face_folder reads trees of class folders.*Received: None"):
        tfds.builder("face_folder")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("my faces (2)", "my_faces_2"), ("synthetic", "synthetic_folder"), ("fer2013", "fer2013_folder")],
)
def test_a_data_set_is_named_after_its_folder(tmp_path, load, folder, name):
    """A name that another data set has would be taken for that one."""
    root = write_folder(tmp_path / folder, class_folders())
    assert load(root).name == name
    assert not load(root).is_synthetic
    assert load(write_zip(tmp_path / "packed.zip", class_folders(("sad", "fear")))).name == "packed"


@pytest.mark.parametrize(
    ("fit", "said", "white"),
    [("stretch", "stretched", 1 / 6), ("crop", "cut to their middle", 0.0), ("pad", "made square by", 1 / 18)],
)
def test_pictures_that_are_not_square_are_fitted_as_wanted(tmp_path, load, fit, said, white):
    wide = np.zeros((40, 120), np.uint8)
    wide[10:30, 80:] = 255  # the right third, at half height
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    files = class_folders() | {"happy/wide.png": buffer.getvalue()}
    dataset = load(write_folder(tmp_path / "tree", files), fit=fit)
    found = {i: image for split in dataset.splits.values() for i, image in zip(split.ids, split.images, strict=True)}
    face = found["happy/wide.png"]
    assert (face > 128).mean() == pytest.approx(white, abs=0.02)
    assert (face.shape, face[0, 0, 0]) == ((48, 48, 1), 0)
    assert any(f"1 of 21 images are not square and were {said}" in notice for notice in dataset.notices)
    assert load(tmp_path / "tree").sha256 != dataset.sha256 or fit == "stretch"


def test_colour_is_said_and_gray_in_three_channels_is_not_colour(tmp_path, load):
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = np.arange(48) * 5
    files = class_folders() | {"sad/gray.jpg": picture(5, mode="RGB", suffix=".jpg")}
    for name, suffix in (("sad/red.png", "PNG"), ("happy/red.jpg", "JPEG")):
        buffer = io.BytesIO()
        Image.fromarray(red).save(buffer, suffix)
        files[name] = buffer.getvalue()
    notices = load(write_folder(tmp_path / "tree", files)).notices
    assert "2 of 23 images are in colour, of which the brightness is kept (ITU-R 601)" in notices

"""Pictures whose labels stand in a list: public data sets in their own layouts."""

import unicodedata
from collections import Counter

import layouts
import pytest

from fer_keras.datasets.sources.recognise import recognise
from fer_keras.datasets.sources.rows import BadRows
from fer_keras.datasets.sources.tree import TreeSource
from fer_keras.emotions import AFFECTNET8, FER7, FERPLUS8
from fer_keras.errors import DataError


@pytest.fixture(params=["folder", "zip"])
def arranged(request, tmp_path):
    """A function from files to the source and its arranged tree."""

    def arranged(files, **options):
        if request.param == "zip":
            source = recognise(layouts.write_zip(tmp_path / "x.zip", files))
        else:
            source = recognise(layouts.write(tmp_path / "tree", files))
        assert isinstance(source, TreeSource)
        return source, source.arrange(**options)

    return arranged


def told(tree):
    return {file.name: (file.split, tree.classes[file.label]) for file in tree.files}


def test_ferplus(arranged):
    source, tree = arranged(layouts.ferplus())
    assert tree.classes == FERPLUS8
    assert set(tree.splits) == {"train", "validation", "test"}
    assert told(tree)["FER2013Train/fer0000001.png"] == ("train", "happy")
    assert told(tree)["FER2013Valid/fer0000019.png"] == ("validation", "contempt")
    assert len(tree.files) == 3 * 10  # two of twelve have most votes for unknown and for no face
    assert any("6 pictures have no expression" in notice for notice in tree.notices)
    [(_, data)] = source.read(["FER2013Train/fer0000001.png"])
    assert data == layouts.picture(1)


def test_ferplus_with_the_votes_of_all_splits_in_one_file(arranged):
    files = layouts.ferplus(lists=False)
    lines = ["Usage,Image name," + ",".join(layouts.FERPLUS)]
    for i in range(36):
        usage = ("Training", "PublicTest", "PrivateTest")[i // 12]
        lines.append(f"{usage},fer{i:07}.png," + ",".join("8" if column == i % 10 else "1" for column in range(10)))
    _, tree = arranged(files | {"fer2013new.csv": "\n".join(lines)})
    assert told(tree)["FER2013Test/fer0000025.png"] == ("test", "disgust")


def test_rafdb(arranged):
    _, tree = arranged(layouts.rafdb())
    assert tree.classes == FER7
    assert set(tree.splits) == {"train", "test"}
    assert told(tree)["basic/Image/aligned/train_00001_aligned.jpg"] == ("train", "surprise")
    assert told(tree)["basic/Image/aligned/test_00007_aligned.jpg"] == ("test", "neutral")
    assert len(tree.files) == 42
    assert any("42 pictures are in no list, or are other versions" in notice for notice in tree.notices)


def test_rafdb_from_folders_of_numbers_with_lists(arranged):
    files = {
        f"DATASET/{s}/{i % 7 + 1}/{s}_{i:05}_aligned.jpg": layouts.picture(i)
        for s in ("train", "test")
        for i in range(14)
    }
    for s in ("train", "test"):
        lines = [f"{s}_{i:05}_aligned.jpg,{i % 7 + 1}" for i in range(14)]
        files[f"{s}_labels.csv"] = "\n".join(["image,label", *lines])
    _, tree = arranged(files)
    assert tree.classes == FER7
    assert told(tree)["DATASET/test/3/test_00009_aligned.jpg"] == ("test", "disgust")


def test_rafdb_from_folders_of_numbers_alone(arranged):
    names = [f"{split}/{i % 7 + 1}/{split}_{i:05}_aligned.jpg" for split in ("train", "test") for i in range(14)]
    _, tree = arranged({name: layouts.picture(i) for i, name in enumerate(names)})
    assert tree.classes == FER7
    assert told(tree)["test/6/test_00005_aligned.jpg"] == ("test", "angry")


def test_folders_of_numbers_that_nothing_explains(arranged):
    _, tree = arranged({f"{label}/{i}.png": layouts.picture(i) for label in range(7) for i in range(2)})
    assert tree.classes == tuple("0123456")
    assert "nothing says what they mean" in tree.notices[0]


def test_affectnet_by_its_lists(arranged):
    _, tree = arranged(layouts.affectnet_csv())
    assert tree.classes == AFFECTNET8
    assert tree.splits == ("train", "validation")
    assert Counter(file.split for file in tree.files) == {"train": 16, "validation": 16}
    assert {file.box for file in tree.files} == {(8, 4, 40, 40)}
    assert told(tree)["Manually_Annotated_Images/1/1ab.jpg"] == ("train", "happiness")
    assert any("12 pictures have no expression" in notice for notice in tree.notices)


def test_affectnet_of_windows(arranged):
    files = layouts.affectnet_csv()
    for name in [name for name in files if name.endswith(".csv")]:
        files[name] = "\ufeff" + files[name].replace("/", "\\").replace("\n", "\r\n")
    assert len(arranged(files)[1].files) == 32


def test_affectnet_by_its_arrays(arranged):
    _, tree = arranged(layouts.affectnet_npy())
    assert tree.classes == AFFECTNET8
    assert told(tree)["train_set/images/6.jpg"] == ("train", "anger")
    assert told(tree)["val_set/images/1.jpg"] == ("validation", "happiness")


def test_ckplus(arranged):
    _, tree = arranged(layouts.ckplus())
    assert tree.classes == ("anger", "contempt", "disgust", "fear", "happiness", "sad", "surprise")
    assert len(tree.files) == 12 * 7
    assert told(tree)["cohn-kanade-images/S003/005/S003_005_00000003.png"] == ("", "happiness")
    assert any("168 pictures are in no list" in notice for notice in tree.notices)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("file,label\na.png,bored\nb.png,engaged\n", ("bored", "engaged")),
        ("filename;emotion\r\na.png;Freude\r\nb.png;Trauer\r\n", ("happy", "sad")),
        ("a.png,happy\nb.png,sad\n", ("happy", "sad")),
        ("Datei;Ausdruck\r\na.png;Freude\r\nb.png;Trauer\r\n", ("happy", "sad")),
        ("nr,Bild,emotion,alter\n1,a.png,Freude,30\n2,b.png,Trauer,40\n", ("happy", "sad")),
        ("path\tclass\nphotos\\a.png\t3\nphotos\\b.png\t4\n", ("3", "4")),
        (",pth,label,relFCs\n0,./photos/a.png,surprise,0.9\n1,photos/b.png,anger,0.8\n", ("angry", "surprise")),
    ],
)
def test_any_table_of_names_and_labels(arranged, text, classes):
    files = {"photos/a.png": layouts.picture(1), "photos/b.png": layouts.picture(2), "labels.csv": text}
    _, tree = arranged(files)
    assert tree.classes == classes
    assert len(tree.files) == 2


def test_a_table_with_a_column_of_splits(arranged):
    rows = [f"{i}.png,{('happy', 'sad')[i % 2]},{('train', 'train', 'val', 'test')[i // 4]}" for i in range(16)]
    files = {f"faces/{i}.png": layouts.picture(i) for i in range(16)}
    _, tree = arranged(files | {"meta.csv": "\n".join(["image,label,split", *rows])})
    assert Counter(file.split for file in tree.files) == {"train": 8, "validation": 4, "test": 4}


def test_folders_of_expressions_win_over_a_list(arranged):
    files = {f"{name}/{i}.png": layouts.picture(i) for name in ("happy", "sad") for i in range(2)}
    _, tree = arranged(files | {"labels.csv": "pth,label\nhappy/0.png,fear\nsad/0.png,fear\n"})
    assert told(tree)["happy/0.png"] == ("", "happy")
    assert tree.notices == ("the folders' names are the labels, not labels.csv",)


def test_a_list_wins_over_folders_of_persons(arranged):
    files = {f"{name}/{i}.png": layouts.picture(i) for name in ("anna", "bob") for i in range(2)}
    lines = ["file,label", "anna/0.png,happy", "anna/1.png,sad", "bob/0.png,sad", "bob/1.png,happy"]
    _, tree = arranged(files | {"labels.csv": "\n".join(lines)})
    assert told(tree)["bob/0.png"] == ("", "sad")


def test_names_in_another_unicode_form(arranged):
    files = {f"bilder/{unicodedata.normalize('NFD', name)}.png": layouts.picture(1) for name in ("Jörg", "Zoë")}
    _, tree = arranged(files | {"labels.csv": "file,label\nJörg.png,happy\nZoë.png,sad\n"})
    assert len(tree.files) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("c.png,happy", r"line 4: its picture is not there.*c\.png"),
        ("a.png,sad", "line 4: photos/a.png has another label in labels.csv, line 2"),
        ('"c.png,happy', "line 4: not valid csv"),
    ],
)
def test_a_wrong_line_is_named_or_skipped(arranged, line, problem):
    files = {"photos/a.png": layouts.picture(1), "photos/b.png": layouts.picture(2)}
    files["labels.csv"] = f"file,label\na.png,happy\nb.png,sad\n{line}\n"
    bad = BadRows("skip")
    source, tree = arranged(files, bad=bad)
    assert (len(tree.files), bad.summary()["count"]) == (2, 1)
    with pytest.raises(DataError, match=problem):
        source.arrange()


def test_two_pictures_of_one_name(arranged):
    files = {f"{place}/a.png": layouts.picture(1) for place in ("set_1", "set_2")}
    lines = ["file,label", "set_1/a.png,happy", "set_2/a.png,sad"]
    assert told(arranged(files | {"l.csv": "\n".join(lines)})[1])["set_2/a.png"] == ("", "sad")


def test_an_unlisted_folder_of_numbers_is_refused(arranged):
    with pytest.raises(DataError, match="side by side"):
        arranged(layouts.ferplus(lists=False))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("KA.AN1.39.tiff", "KA.HA1.29.tiff", "MK.SU2.9.tiff"), ("angry", "happy", "surprise")),
        (("AF01ANS.JPG", "AF01HAFL.JPG", "BM02AFS.JPG"), ("angry", "happy", "fear")),
        (("Rafd090_01_C_f_angry_f.jpg", "Rafd045_01_C_f_sad_f.jpg"), ("angry", "sad")),
        (("happy_001.png", "Sad (2).png", "happy-3.png"), ("happy", "sad", "happy")),
    ],
)
def test_labels_in_file_names(arranged, names, expected):
    _, tree = arranged({f"jaffe/{name}": layouts.picture(i) for i, name in enumerate(names)})
    assert tuple(told(tree)[f"jaffe/{name}"][1] for name in names) == expected
    assert "labels are those of the file names" in tree.notices[0]


def test_file_names_of_which_one_tells_nothing(tmp_path):
    files = {f"x/{name}.png": layouts.picture(1) for name in ("happy_1", "sad_1", "holiday")}
    with pytest.raises(DataError, match="side by side|one class only"):
        recognise(layouts.write(tmp_path, files))


def test_what_systems_leave_behind_is_no_data(arranged):
    files = {f"{name}/{i}.png": layouts.picture(i) for name in ("happy", "sad") for i in range(2)}
    left = {
        f"happy/{name}": b"x" for name in ("Icon\r", "@eaDir/0.png/SYNO_M.jpg", "Thumbs.db", ".ipynb_checkpoints/0.png")
    }
    assert len(arranged(files | left | {"$RECYCLE.BIN/x.png": b"x"})[1].files) == 4


def test_labels_in_a_file_that_is_not_read(arranged):
    with pytest.raises(DataError, match=r"labels\.xlsx is not read: save it as CSV with the columns file,label"):
        arranged({"set_a/1.png": layouts.picture(1), "set_b/2.png": layouts.picture(2), "labels.xlsx": b"PK"})

import numpy as np
import pytest
import torch

from harmonium.data import load
from harmonium.errors import InputError
from support import write_idx


@pytest.fixture
def table():
    return np.random.default_rng(0).integers(0, 256, (12, 5)).astype(np.uint8)


def save(path, table):
    if path.suffix == ".npy":
        np.save(path, table)
    elif path.suffix == ".npz":
        np.savez(path, table)
    elif path.suffix == ".csv":
        np.savetxt(path, table, fmt="%d", delimiter=",")
    elif path.suffix == ".parquet":
        arrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(arrow.table({f"x{k}": table[:, k] for k in range(table.shape[1])}), path)
    else:
        write_idx(path, table)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv", "a.parquet", "a.idx", "a-idx2-ubyte.gz"])
def test_every_format_gives_the_same_table(name, table, tmp_path):
    save(tmp_path / name, table)
    dataset = load(str(tmp_path / name))
    assert torch.equal(dataset.train.values.long(), torch.from_numpy(table).long())
    assert dataset.image_shape is None


def test_a_csv_with_names_and_real_values(tmp_path):
    (tmp_path / "a.csv").write_text("height,width\n0.5,1\n0.25,0\n")
    assert load(str(tmp_path / "a.csv")).train.values.tolist() == [[0.5, 1.0], [0.25, 0.0]]


@pytest.mark.parametrize("first", [0, 1])
def test_a_csv_whose_columns_are_counted(first, tmp_path):
    row = ",".join("01" * 4)
    counted = ",".join(str(k + first) for k in range(8))
    (tmp_path / "a.csv").write_text(f"{counted}\n{row}\n{row}\n")
    assert load(str(tmp_path / "a.csv")).train.values.tolist() == 2 * [[0, 1] * 4]
    (tmp_path / "b.csv").write_text("0,1,2,3\n1,0,0,1\n")  # four numbers may well be an example
    assert len(load(str(tmp_path / "b.csv")).train) == 2


def test_images_are_rows_and_keep_their_shape(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 3, 5)))
    dataset = load(str(tmp_path / "a.npy"))
    assert dataset.train.width == 15
    assert dataset.image_shape == (3, 5)


def test_square_rows_are_taken_for_images(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 64)))
    assert load(str(tmp_path / "a.npy")).image_shape == (8, 8)


def test_an_npz_with_train_and_test(tmp_path):
    np.savez(tmp_path / "a.npz", train=np.zeros((4, 3)), test=np.ones((2, 3)), other=np.zeros(1))
    dataset = load(str(tmp_path / "a.npz"))
    assert len(dataset.train) == 4
    assert len(dataset.test) == 2


def test_a_npy_file_is_mapped_and_not_read(tmp_path):
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (1000, 50_000))[:] = 1
    values = load(str(path)).train.values
    assert values[::100].sum() == 10 * 50_000
    # What is mapped copy-on-write shows the file's later content; what was read would not.
    np.lib.format.open_memmap(path, "r+")[999, 0] = 77
    assert values[999, 0] == 77


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"\x93NUMPY\x01\x00", "cannot be read as a .npy file"),
        ("a.npz", b"PK\x03\x04garbage", "cannot be read as a .npz file"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"1,2\n3\n", "columns changed from 2 to 1"),
        ("a.csv", b"1,2\n3,x\n", "could not convert string 'x'"),
        ("a.csv", b"a,b\n", "is empty"),
        ("a.parquet", b"PAR1", "cannot be read as a .parquet file"),
        ("a.txt", b"1 2", "has no ending that is known"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data")
def test_a_damaged_file_says_what_is_wrong(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load(str(tmp_path / name))


def test_a_npy_file_cut_short(table, tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, table)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="cut short or altered"):
        load(str(path))


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        load(str(tmp_path / "a.npy"))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5)), "is empty"),
        (np.zeros((5, 0)), "is empty"),
        (np.zeros((1, 5)), "one example only"),
        (np.zeros(5), "has shape 5"),
        (np.zeros((2, 3, 4, 5)), "has shape 2x3x4x5"),
        (np.zeros((3, 3), complex), "complex128: give an array of real numbers"),
        (np.full((3, 3), "a"), "give an array of real numbers"),
    ],
)
def test_an_array_of_another_kind_is_refused(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=message):
        load(str(tmp_path / "a.npy"))


def test_an_npz_without_a_known_name_lists_its_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", left=np.zeros((2, 2)), right=np.zeros((2, 2)))
    with pytest.raises(InputError, match="left, right: name one of them 'train'"):
        load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("dtype", ["bool", "uint16", ">f4", "float16", "int64", "float64"])
def test_any_real_dtype(dtype, tmp_path):
    array = np.array([[0, 1], [1, 0], [1, 1]]).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    assert load(str(tmp_path / "a.npy")).train.first(3).double().tolist() == [[0, 1], [1, 0], [1, 1]]


def test_whole_numbers_beyond_exact_floats_stay_floats(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\ninf,4\n1e300,0\n")
    values = load(str(tmp_path / "a.csv")).train.values
    assert values.dtype == torch.float64
    assert values[1, 0] == torch.inf

"""CSV files become features and labels, or name the cell that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from tests.engine.dataset_files import made, model
from worker.engine.datasets import Dataset, inspect, tables

ROWS = 60


def _table(path: Path, header: str, row: Any, *, mark: str = ",", rows: int = ROWS) -> Path:
    lines = [header, *(row(i) for i in range(rows))]
    path.write_text("\n".join(line.replace(",", mark) for line in lines) + "\n", encoding="utf-8")
    return path


def _iris(path: Path, **more: Any) -> Path:
    species = ["setosa", "versicolor", "virginica"]
    return _table(path, "length,width,species", lambda i: f"{i}.5,{i * 2},{species[i % 3]}", **more)


def _made(path: Path, features: int, **options: Any) -> Dataset:
    return made(path, model((features,)), options=DatasetOptions(**options))


def _refused(path: Path, **options: Any) -> PruneryError:
    with pytest.raises(PruneryError) as caught:
        inspect(path, path.name, DatasetOptions(**options))
    return caught.value


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_only_column_of_texts_is_the_label(tmp_path: Path, mark: str) -> None:
    dataset = _made(_iris(tmp_path / "a.csv", mark=mark), 2)
    assert dataset.label_mapping == {"setosa": 0, "versicolor": 1, "virginica": 2}
    assert dataset.examples == {"train": 48, "validation": 6, "test": 6}
    row = dataset.train.x["input"][0]
    assert row[1] == pytest.approx((row[0] - 0.5) * 2)
    assert any("'species'" in note for note in dataset.notes)


def test_a_column_called_label_is_the_label(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,Label,b", lambda i: f"{i},{i % 3},{i / 7}")
    dataset = _made(path, 2)
    assert dataset.labels == "integers"
    assert set(dataset.train.y["output"]) == {0, 1, 2}


def test_columns_are_chosen_by_name_and_in_order(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,b,c,d", lambda i: f"{i},{i % 3},{-i},text{i}")
    dataset = _made(path, 2, label_column="b", feature_columns=("c", "a"))
    np.testing.assert_array_equal(dataset.train.x["input"][:, 0], -dataset.train.x["input"][:, 1])


def test_an_unclear_label_is_asked_for(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,b,c", lambda i: f"{i},{i},{i}")
    error = _refused(path)
    assert error.code == "csv_label_ambiguous"
    assert error.errors[0].pointer == "/label_column"
    two = _table(tmp_path / "b.csv", "a,b,c", lambda i: f"{i},x{i % 2},y{i % 3}")
    assert _refused(two).code == "csv_label_ambiguous"
    assert _refused(two, label_column="nothing").errors[0].pointer == "/label_column"
    assert _refused(two, label_column="c").code == "csv_invalid"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", "is blank"),
        ("NaN", "'NaN'"),
        ("inf", "'inf'"),
        ("red", "'red'"),
        ("1e999", "'1e999'"),
        ("1_0", "'1_0'"),
    ],
)
def test_the_first_bad_cell_is_named(tmp_path: Path, cell: str, words: str) -> None:
    path = _table(
        tmp_path / "a.csv", "a,b,label", lambda i: f"{i},{cell if i == 40 else i},{i % 3}"
    )
    error = _refused(path, label_column="label")
    assert error.code == "csv_invalid"
    assert "Row 42, column 'b'" in error.detail
    assert words in error.detail
    assert [one.pointer for one in error.errors] == ["/file/42/b"]


def test_missing_labels_are_named(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,label", lambda i: f"{i},{'' if i == 3 else i % 3}")
    error = _refused(path)
    assert "Row 5" in error.detail
    assert [one.pointer for one in error.errors] == ["/file/5"]


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;label\n" + "".join(f'"{i},25";k{i % 3}\n' for i in range(ROWS)))
    assert set(_made(path, 1).train.x["input"].ravel() % 1) == {0.25}


def test_a_comma_that_may_divide_thousands_is_refused(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,label", lambda i: f'"1,{i:03}",k{i % 3}')
    assert "holds '1,000', which can be read in two ways" in _refused(path).detail


def test_labels_with_underscores_are_names(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,label", lambda i: f"{i},{i % 3}_0")
    assert _made(path, 1).classes == ("0_0", "1_0", "2_0")


@pytest.mark.parametrize(
    ("header", "data"), [("0.1,-2,7,a", True), ("400.5,401,402,kind", False), ("9,3,1,kind", False)]
)
def test_a_first_row_of_numbers_and_a_label_is_no_header(
    tmp_path: Path, header: str, data: bool
) -> None:
    path = _table(tmp_path / "a.csv", header, lambda i: f"{i},{i},{i},k{i % 3}")
    if data:
        assert "first row holds numbers" in _refused(path).detail
    else:
        assert _made(path, 3).classes == ("k0", "k1", "k2")


def test_columns_named_by_two_numbers_are_a_header(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "0_0,0_1,1_1", lambda i: f"{i},{i},{i % 3}")
    assert inspect(path, "a.csv", DatasetOptions(label_column="1_1")).columns == ("0_0", "0_1")


def test_a_long_table_is_read_in_blocks(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tables, "ROWS", 7)
    dataset = _made(_iris(tmp_path / "a.csv"), 2)
    firsts = np.concatenate([s.x["input"][:, 0] for s in _splits(dataset)])
    np.testing.assert_array_equal(np.sort(firsts), np.arange(ROWS) + 0.5)


def _splits(dataset: Dataset) -> list[Any]:
    return [dataset.train, dataset.validation, dataset.test]


def test_numbers_are_predicted_where_the_model_has_one_unit(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,target", lambda i: f"{i},{i * 0.5}")
    dataset = made(path, model((1,), (1,), activation=None, loss="mse"))
    assert dataset.task == "regression"
    assert dataset.train.y["output"].dtype == np.float32


def test_columns_may_be_inputs_of_their_own(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "age,income,label", lambda i: f"{i},{i * 2},{i % 3}")
    dataset = made(path, model({"age": (1,), "income": (1,)}))
    np.testing.assert_array_equal(dataset.train.x["income"], dataset.train.x["age"] * 2)


def test_a_thousand_texts_are_no_classes(tmp_path: Path) -> None:
    path = _table(tmp_path / "a.csv", "a,name", lambda i: f"{i},person {i}", rows=1_100)
    assert _refused(path).code == "csv_too_wide"


def test_a_header_and_nothing_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,label\n")
    assert _refused(path).code == "csv_invalid"


def test_a_table_is_described(tmp_path: Path) -> None:
    summary = inspect(_iris(tmp_path / "a.csv"), "a.csv", DatasetOptions())
    assert summary.format == "csv"
    assert summary.columns == ("length", "width")
    assert summary.examples == {"all": ROWS}
    assert summary.labels[0].kind == "strings"
    assert summary.labels[0].counts == (20, 20, 20)

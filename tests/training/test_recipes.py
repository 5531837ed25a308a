"""Recipes are validated; errors name the field."""

import os
from pathlib import Path

import pytest
import torch

from hangtag.errors import RecipeError
from hangtag.training.augment import augment_batch
from hangtag.training.recipes import (
    list_recipes,
    load_recipe,
    parse_settings,
    recipe_from_yaml,
    schema,
    to_yaml,
)


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_yaml_round_trip(recipe: schema.Recipe) -> None:
    assert recipe_from_yaml(to_yaml(recipe), where="test") == recipe


def test_the_seed_is_the_seeds() -> None:
    seed = load_recipe("seed")
    assert (seed.epochs, seed.batch_size, seed.patience, seed.validation_fraction) == (
        75,
        80,
        5,
        0.15,
    )
    (affine,) = seed.augment
    assert affine == schema.Affine(rotation=0.5, zoom=0.1, width_shift=0.3, height_shift=0.1)
    assert seed.optimiser == schema.Adam(learning_rate=1e-3, epsilon=1e-7)
    assert seed.schedule == schema.Exponential(factor=0.9)
    assert seed.normalise == "scale"


def test_every_field_says_what_it_means() -> None:
    parts: list[type[schema.Settings]] = [schema.Recipe, *schema.Settings.__subclasses__()]
    for part in parts:
        for name, field in part.model_fields.items():
            assert name == "kind" or field.description, f"{part.__name__}.{name}"
            assert "\n" not in (field.description or ""), f"{part.__name__}.{name}"


def test_changes_reach_into_parts_and_lists() -> None:
    changes = ["epochs=3", "optimiser.learning_rate=0.5", "augment.0.zoom=0.2", "patience=null"]
    recipe = load_recipe("seed", settings=parse_settings(changes))
    assert recipe.epochs == 3
    assert recipe.optimiser.learning_rate == 0.5
    assert recipe.augment[0] == schema.Affine(
        rotation=0.5, zoom=0.2, width_shift=0.3, height_shift=0.1
    )
    assert recipe.patience is None


def test_a_part_that_is_left_out_begins_with_its_defaults() -> None:
    recipe = load_recipe(
        "express", settings=parse_settings(["balance.loss=0.5", "data_pruning.ratio=0.25"])
    )
    assert recipe.balance == schema.Balance(loss=0.5)
    assert recipe.data_pruning == schema.DataPruning(ratio=0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("augment=[{kind: colour}]", r"colour needs images\.channels 3"),
        ("images.channels=2", r"field 'images\.channels'"),
        ("network={kind: lite}", r"need images\.channels 3 and normalise symmetric"),
        ("network={kind: lite, width: 0.5}", r"pretrained: the published weights are of width 1"),
        ("linear_probing={epochs: 100}", "exceeds epochs"),
        ("epochs=0", "field 'epochs'"),
        ("batch_size=many", "field 'batch_size'"),
        ("optimiser.learning_rate=-1", r"field 'optimiser\.learning_rate'"),
        ("optimiser.speed=1", r"unknown field 'optimiser\.speed'"),
        ("speed=1", "unknown field 'speed'"),
        ("epoch=1", "did you mean 'epochs'"),
        ("network.widhts=3", r"unknown field 'network\.widhts'; remove it"),
        ("augment=[{kind: flop}]", "no kind 'flop'; expected one of 'affine'"),
        ("name=My Recipe", "expected lower-case letters"),
        ("network.kind=transformer", "field 'network'"),
        ("augment.0.rotation=-3", r"field 'augment\.0\.rotation'"),
        ("augment.7.rotation=3", "expected a position below 1"),
        ("augment=[{kind: erasing, scale: [0.5, 0.1]}]", "scale: the lowest value"),
        ("augment=[{kind: resized_crop, ratio: [2, 1]}]", "ratio: the lowest value"),
        ("schedule={kind: one_cycle}", "patience: a one_cycle schedule"),
        ("name=Has Spaces", "field 'name'"),
        ("validation_fraction=1", "field 'validation_fraction'"),
        ("network.l2.x=1", "there is no field 'l2'"),
        ("epochs.x=1", "has no fields"),
        ("nothing.x=1", "there is no field 'nothing'"),
        ("=1", "expected field=value"),
        ("epochs=[", "not valid YAML"),
        ("epochs=2024-13-45", "not valid YAML"),
        ("epochs=!!bool perhaps", "not valid YAML"),
        ("epochs=!!timestamp soon", "not valid YAML"),
        (f"augment={'[' * 2000}", "not valid YAML"),
        (f"augment={'[' * 400}{']' * 400}", "--set augment: .* nested deeper than 16 levels"),
        (
            f"network{'.a' * 400}=1",
            r"setting network\.a\.a.*\.\.\.: there is no field",
        ),
        ("optimiser.learning_rat=1", "recipe seed: unknown field .*did you mean 'learning_rate'"),
        ("optimizer.learning_rate=1", "recipe seed: .*did you mean 'optimiser'"),
        ("network.dropouts=1", "recipe seed: unknown field 'network.dropouts'"),
        ("augment.².zoom=0.1", "expected a position below 1, received '²'"),
        (f"augment.{'9' * 5000}.zoom=0.1", "expected a position below 1"),
        ("augment=[{kind: erasing, scale: [0.5, 2]}]", r"field 'augment\.0\.scale\.1'"),
        ("augment=[{kind: resized_crop, scale: [1, 5]}]", r"field 'augment\.0\.scale\.1'"),
        ("augment=[{kind: erasing, ratio: [1, 1.0e+300]}]", r"field 'augment\.0\.ratio\.1'"),
        ("augment=[{kind: rotation, degrees: 1.0e+300}]", r"field 'augment\.0\.degrees'"),
        ("augment.0.rotation=.inf", r"field 'augment\.0\.rotation'"),
        ("network.l2=.inf", r"field 'network\.l2'"),
        ("optimiser.learning_rate=.inf", r"field 'optimiser\.learning_rate'"),
        ("optimiser.learning_rate=.nan", r"field 'optimiser\.learning_rate'"),
        ("optimiser.epsilon=.inf", r"field 'optimiser\.epsilon'"),
        ("network={kind: compact, widths: [8, 1000000]}", r"field 'network\.widths\.1'"),
        ("epochs=1000000000", "field 'epochs'"),
        ("batch_size=1000000000", "field 'batch_size'"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_impossible_changes_name_the_field(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("seed", settings=parse_settings([change]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: [", "not valid YAML"),
        ("just words", "expected fields such as"),
        ("", "expected fields such as"),
        ("name: own", "the field 'description' is missing"),
        ("epochs: 2024-13-45", "not valid YAML"),
        (f"augment: {'[' * 2000}", "not valid YAML"),
        (f"augment: {'[' * 400}{']' * 400}", "nested deeper than 16 levels"),
        ("&a [*a]", "nested deeper than 16 levels"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(path) in str(caught.value)


def test_a_special_file_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    for path in tmp_path.iterdir():
        with pytest.raises(RecipeError, match="no regular file"):
            load_recipe(path)


def test_a_large_file_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(bytes(2_000_000))
    with pytest.raises(RecipeError, match="over 1 MB"):
        load_recipe(tmp_path / "large.yaml")


def test_nothing_is_mixed_where_all_epochs_are_frozen() -> None:
    with pytest.raises(RecipeError, match="images are mixed in epochs that are not frozen"):
        load_recipe("photo-fast", settings=parse_settings(["mixup=0.2"]))
    assert (
        load_recipe("photo-fast", settings=parse_settings(["mixup=0.2", "epochs=31"])).mixup == 0.2
    )


def test_an_error_shows_the_start_of_a_long_value_only() -> None:
    with pytest.raises(RecipeError, match="field 'epochs'") as caught:
        load_recipe("seed", settings=parse_settings([f"epochs={[1] * 10_000}"]))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("path", ["long" * 2000, f"{'long' * 2000}.yaml", "a\0b", "a\0b.yaml"])
def test_an_impossible_path_is_a_recipe_that_does_not_exist(path: str) -> None:
    with pytest.raises(RecipeError, match=r"no recipe is called|cannot read the recipe"):
        load_recipe(path)


def test_the_schema_tells_what_ranges_mean() -> None:
    for part in (schema.Erasing, schema.ResizedCrop):
        properties = part.model_json_schema()["properties"]
        assert properties["scale"]["description"].startswith("Area of the ")
        assert " over " in properties["ratio"]["description"]


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean 'express'"):
        load_recipe("expres")
    with pytest.raises(RecipeError, match="cannot read"):
        load_recipe("gone.yaml")


def test_the_recipe_photo_cuts_nothing_off_the_middle_of_a_photo() -> None:
    """What lies in the middle half of both sides never reaches the edge of an augmented copy."""
    photo = load_recipe("photo")
    moves = [step for step in photo.augment if step.kind in ("flip", "affine")]
    recipe = photo.model_copy(update={"augment": tuple(moves)})
    images = torch.zeros(400, 1, 50, 50)
    images[:, :, 13:37, 13:37] = 1
    moved = augment_batch(images, recipe, generator=torch.Generator().manual_seed(0))
    edges = (moved[..., 0, :], moved[..., -1, :], moved[..., 0], moved[..., -1])
    assert max(float(edge.max()) for edge in edges) < 0.1


@pytest.mark.parametrize(
    ("recipe", "epochs", "probing"),
    [("photo", 3, 1), ("photo", 12, 2), ("photo", 1, None), ("photo-fast", 3, 3)],
)
def test_linear_probing_keeps_its_fraction_of_the_epochs(
    recipe: str, epochs: int, probing: int | None
) -> None:
    found = load_recipe(recipe, settings={"epochs": epochs}).linear_probing
    assert (found and found.epochs) == probing

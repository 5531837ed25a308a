"""The course of the learning rate."""

from hangtag.training.recipes.schema import Exponential, OneCycle, Recipe


def learning_rate(recipe: Recipe, *, epoch: float) -> float:
    """Returns the learning rate of the last layer at a moment of the training.

    The epochs of linear probing and those after them follow the schedule one after the other.
    """
    probing, rate = recipe.linear_probing, recipe.optimiser.learning_rate
    if probing is None:
        return rate * learning_rate_factor(recipe.schedule, epoch=epoch, epochs=recipe.epochs)
    frozen = probing.epochs
    if epoch < frozen:
        factor = learning_rate_factor(recipe.schedule, epoch=epoch, epochs=frozen)
        return probing.learning_rate * factor
    left = recipe.epochs - frozen
    return rate * learning_rate_factor(recipe.schedule, epoch=epoch - frozen, epochs=left)


def learning_rate_factor(schedule: Exponential | OneCycle, *, epoch: float, epochs: int) -> float:
    """Returns the learning rate over the highest, 0-1, at a moment of the training.

    Args:
        schedule: The course.
        epoch: Epochs done, with the fraction of the one under way, counted to the middle of a step.
        epochs: Epochs of the whole training.
    """
    if schedule.kind == "exponential":
        return schedule.factor ** int(epoch)
    done = epoch / epochs
    if done < schedule.warm_up:
        return done / schedule.warm_up
    left = (1 - done) / (1 - schedule.warm_up)
    return schedule.end + (1 - schedule.end) * left

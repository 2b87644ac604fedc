"""Parameters, inputs and result that training and finetuning share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from empanada_desktop.core.plurals import counted
from empanada_desktop.tasks.params import TaskInputs, TaskParams, ui


class TrainingParams(TaskParams):
    """What training and finetuning have in common; what a configuration file says replaces values left at default."""

    patch_size: Annotated[int, Field(ge=32, le=4096)] = Field(
        256,
        title="Patch size",
        description="Side of the random crops that the network trains on, at most that of the images. "
        "PanopticDeepLab: a multiple of 16; PanopticBiFPN: of 128.",
        json_schema_extra=ui("Training", step=16, unit="px"),
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        16,
        title="Batch size",
        description="Patches per step. 16 is known to be safe; below it finetuning leaves the batch-norm statistics "
        "as they are.",
        json_schema_extra=ui("Training"),
    )
    repeat_images: bool = Field(
        False,
        title="Repeat images",
        description="Train on fewer images than the batch holds, using each several times.",
        json_schema_extra=ui("Training"),
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        0,
        title="Seed",
        description="The same seed, data and machine give the same result.",
        json_schema_extra=ui("Training"),
    )
    config: str | None = Field(
        None,
        title="Configuration",
        description="YAML file with advanced settings (network, training, labels, about); it may build on another one "
        "with BASE. Parameters that are not at their default go before it.",
        json_schema_extra=ui("Training"),
    )
    use_gpu: bool = Field(
        True,
        title="Use GPU",
        description="Train on the graphics card when there is one.",
        json_schema_extra=ui("Computer"),
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        title="Threads",
        description="Processor threads to use; 0 takes what the machine offers.",
        json_schema_extra=ui("Computer"),
    )


class TrainingInputs(TaskInputs):
    """Where the images are and where the run is kept."""

    train_dir: str = Field(
        title="Training set", description="Folder with <name>/images/*.tif and <name>/masks/*.tif of equal names."
    )
    out: str = Field(
        title="Output folder",
        description="Folder for checkpoints, curves and weights. An unfinished run of the same job in it goes on.",
        json_schema_extra={"option": True},
    )
    validation_dir: str | None = Field(
        None, title="Validation set", description="Images to score on, laid out like the training set."
    )
    name: str | None = Field(
        None, title="Name", description="Name of the new weights in the library; left out: the output folder's."
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an earlier run and weights of this name.")

    @property
    def title(self) -> str:
        """Name of the new weights."""
        return self.name or Path(self.out).resolve().name


@dataclass(frozen=True)
class TrainingResult:
    """What came out of a training: the weights and how they score; scores are -1 where nothing was scored."""

    name: str
    weights: str
    folder: str
    start_score: float
    best_score: float
    best_step: int
    steps: int
    seconds: float
    recipe: dict[str, Any]
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say in plain sentences what was made and where it is."""
        lines = [*self.notes, f"Trained {counted(self.steps, 'step')} in {self.seconds / 60:.1f} min."]
        if self.start_score >= 0:
            lines.append(f"Score before: {self.start_score:.3f}, after: {self.best_score:.3f} (mean of IoU and F1).")
        elif self.best_score >= 0:
            lines.append(f"Best score: {self.best_score:.3f} (mean of IoU and F1), at step {self.best_step}.")
        return [*lines, f"Curves: {Path(self.folder) / 'curves.png'}", f"Weights {self.name}: {self.weights}"]

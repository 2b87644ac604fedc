"""The one loop that trains and finetunes panoptic networks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from empanada_desktop.core.context import JobContext
from empanada_desktop.engine.augment import Augmentation
from empanada_desktop.engine.checkpoints import MovingAverage, Progress, State, read_checkpoint, write_atomically
from empanada_desktop.engine.curves import draw_curves, write_metrics
from empanada_desktop.engine.data import PatchDataset, Sampling, batches
from empanada_desktop.engine.losses import LossWeights, panoptic_loss
from empanada_desktop.engine.schedule import OneCycle, make_optimiser, set_rate
from empanada_desktop.engine.validation import Score
from empanada_desktop.errors import JobCancelled, SettingsError

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; the defaults are those the published weights were trained with."""

    steps: int = 500
    batch_size: int = 16
    patch_size: int = 256
    schedule: OneCycle = field(default_factory=OneCycle)
    weight_decay: float = 0.1
    losses: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    sampling: Sampling = field(default_factory=Sampling)
    clip_norm: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    average_decay: float = 0.0
    """Decay of the moving average of weights that is scored and kept; 0 keeps the weights themselves."""
    freeze_batch_norm: bool = False
    """Leave the batch-norm statistics as they are, for batches too small to estimate them."""
    validations: int = 5
    checkpoint_seconds: float = 300.0
    time_limit_minutes: float = 0.0
    """The schedule ends after so much computing time if the steps are not done by then; 0: no limit. Runs that hit it
    depend on the machine's speed."""
    workers: int = 0
    seed: int = 0


Validate = Callable[[nn.Module, JobContext], Score]
Listener = Callable[[Mapping[str, float]], None]


class Trainer:
    """Trains `network` in place and keeps its run under `folder`: checkpoint.pt, best.pt, metrics.csv, curves.png.

    `validate` scores a network; with `score_start` it does so before the first step too, and what is kept is never
    worse than that. `listen` hears of every row of the metrics as it is made.
    """

    def __init__(
        self,
        network: nn.Module,
        dataset: PatchDataset,
        validate: Validate | None,
        settings: TrainingSettings,
        folder: Path,
        score_start: bool = False,
        listen: Listener = lambda row: None,
    ) -> None:
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.device = next(network.parameters()).device
        self.dataset = dataset
        self.validate = validate
        self.settings = settings
        self.folder = folder
        self.score_start = score_start
        self.listen = listen
        self.optimiser = make_optimiser(network, settings.weight_decay)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.device.type == "cuda")
        self.average = MovingAverage(network, settings.average_decay) if settings.average_decay else None
        self.progress = Progress()
        self._clock = self._saved = time.monotonic()

    def run(self, context: JobContext) -> Progress:
        """Train to the end, going on from the folder's checkpoint if there is one; a cancel leaves a checkpoint."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / CHECKPOINT).exists():
            self.load(self.folder / CHECKPOINT)
        self._clock = self._saved = time.monotonic()
        try:
            self._loop(context)
        except JobCancelled:
            self.save()
            raise
        self.save()
        return self.progress

    def best_state(self) -> State:
        """Weights with the best validation score, or the last ones when nothing was validated."""
        if (self.folder / BEST).exists():
            best: State = read_checkpoint(self.folder / BEST)["network"]
            return best
        return self._scored_state()

    def fraction(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by the time limit, whichever is further."""
        by_steps = self.progress.step / self.settings.steps
        limit = self.settings.time_limit_minutes * 60
        return min(1.0, max(by_steps, self.progress.seconds / limit) if limit else by_steps)

    def _loop(self, context: JobContext) -> None:
        if self.score_start and self.progress.best_step < 0:
            self._validate(context)
            self.progress.start_score = self.progress.best_score
        self._validate_if_due(context)
        first = self.progress.step
        for batch in batches(self.dataset, first, self.settings.steps, self.settings.workers):
            if self.fraction() >= 1:
                return
            context.check_cancelled()
            self._note(self._step(batch), context)
            self._validate_if_due(context)
            self._save_if_due()

    def _validate_if_due(self, context: JobContext) -> None:
        due = int(self.fraction() * self.settings.validations + 1e-9)
        if due > self.progress.validated:
            self._validate(context)
            self.progress.validated = due
            self.save()

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved > self.settings.checkpoint_seconds:
            self.save()

    def _step(self, batch: Mapping[str, Tensor]) -> dict[str, float]:
        """One optimiser step; the random points of PointRend depend on seed and step only."""
        rate, momentum = self.settings.schedule.at(self.fraction())
        set_rate(self.optimiser, rate, momentum)
        self._set_train_mode()
        torch.manual_seed(self.settings.seed * 1_000_003 + self.progress.step)
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        images = batch["images"].to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.device.type == "cuda"):
            outputs = self.network(images)
        loss, terms = panoptic_loss(outputs, batch, self.settings.losses)
        self._descend(loss)
        return {"loss": float(loss.detach()), **{name: float(term) for name, term in terms.items()}, "rate": rate}

    def _descend(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise SettingsError(
                f"The training diverged: the loss at step {self.progress.step} is {float(loss.detach())}.",
                "Lower the learning rate, or set a limit for the gradient's norm (clip_norm).",
            )
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if self.settings.clip_norm:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.network)

    def _set_train_mode(self) -> None:
        """Train mode; batch norms keep their statistics where that was asked for."""
        self.network.train()
        if self.settings.freeze_batch_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def _note(self, row: dict[str, float], context: JobContext) -> None:
        progress = self.progress
        progress.step += 1
        self._add_row(row)
        # The share of the run rather than the step: a time limit may end it before its last step.
        done = round(self.fraction() * self.settings.steps)
        context.report(done, self.settings.steps, "Training")

    def _add_row(self, row: dict[str, float]) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._clock
        self._clock = now
        complete = {"step": self.progress.step, "seconds": round(self.progress.seconds, 2), **row}
        self.progress.rows.append(complete)
        self.listen(complete)

    def _scored_state(self) -> State:
        return self.average.state if self.average is not None else self.network.state_dict()

    def _validate(self, context: JobContext) -> None:
        """Score the weights (their average if there is one), note the result and keep the weights if they lead."""
        if self.validate is None:
            return
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        scored = {name: value.clone() for name, value in self._scored_state().items()}
        self.network.load_state_dict(scored)
        try:
            score = self.validate(self.network, context)
        finally:
            self.network.load_state_dict(own)
        progress = self.progress
        if score.total > progress.best_score:
            progress.best_score, progress.best_step = score.total, progress.step
            write_atomically(self.folder / BEST, {"network": scored, "progress": {"step": progress.step}})
        self._add_row({"iou": score.iou, "f1": score.f1})

    def save(self) -> None:
        """Write the checkpoint, the metrics and the curves."""
        content: dict[str, Any] = {
            "network": dict(self.network.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "progress": asdict(self.progress),
        }
        if self.average is not None:
            content["average"], content["average_count"] = self.average.state, self.average.count
        write_atomically(self.folder / CHECKPOINT, content)
        write_metrics(self.folder / "metrics.csv", self.progress.rows)
        draw_curves(self.folder / "curves.png", self.progress.rows)
        self._saved = time.monotonic()

    def load(self, path: Path) -> None:
        """Go back to where a checkpoint was written."""
        content = read_checkpoint(path)
        try:
            self.network.load_state_dict(content["network"])
            self.optimiser.load_state_dict(content["optimiser"])
        except (RuntimeError, ValueError, KeyError) as problem:
            raise SettingsError(
                f"The checkpoint {path} belongs to another network or other layers.",
                "Choose an empty output folder, or the settings that the run was started with.",
            ) from problem
        self.scaler.load_state_dict(content["scaler"])
        if self.average is not None and "average" in content:
            self.average.take(content["average"], content["average_count"])
        self.progress = Progress(**content["progress"])

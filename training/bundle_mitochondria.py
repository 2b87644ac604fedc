"""Write the weights of a training run, in half precision, with their descriptor: the best ones, or the last ones.

    python training/bundle_mitochondria.py RUN NAME OUT [--last] [--config training/mitochondria.yaml]

RUN is the output folder of the training, OUT such a folder as resources/weights.
"""

import argparse
from pathlib import Path

from empanada_desktop.engine.checkpoints import read_checkpoint
from empanada_desktop.engine.export import save_weights
from empanada_desktop.engine.networks import build_network
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.train import describe
from empanada_desktop.tasks.training_config import make_config, read_config


def main() -> None:
    """Write the weights and say where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("out", type=Path)
    parser.add_argument("--last", action="store_true", help="the mean of the run's last weights, not its best")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("mitochondria.yaml"))
    options = parser.parse_args()
    config = make_config(read_config(options.config))
    if config.norms is None:
        raise SettingsError("The configuration has no norms.", "Write those of the run's descriptor into it.")
    checkpoint = read_checkpoint(options.run / ("checkpoint.pt" if options.last else "best.pt"))
    network = build_network(config.network)
    network.load_state_dict(checkpoint["average" if options.last else "network"])
    step = str(checkpoint["progress"]["step"])
    descriptor = describe(options.name, config, config.norms)
    descriptor = descriptor.model_copy(update={"provenance": {"step": step}})
    weights = save_weights(network.eval(), descriptor, options.out, half=True)
    print(f"{weights.file}: {weights.file.stat().st_size / 1e6:.1f} MB, step {step}")  # noqa: T201


if __name__ == "__main__":
    main()

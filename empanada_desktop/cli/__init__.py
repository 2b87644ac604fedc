"""The command line: one verb for each task, with options made from its Params and Inputs."""

from empanada_desktop.cli.command_line import main

__all__ = ["main"]

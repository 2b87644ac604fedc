"""The parameters that segmenting a plane and segmenting a volume share, and those of the volume alone."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from empanada_desktop.tasks.params import TaskParams, ui

BUNDLED_WEIGHTS = "MitoStarter_v1"

OddPlanes = Literal[1, 3, 5, 7, 9, 11]
PowerOfTwo = Literal[1, 2, 4, 8, 16, 32, 64]
Backend = Literal["auto", "torch", "openvino"]


class InferenceParams(TaskParams):
    """How a plane is turned into objects, on its own or within a stack."""

    weights: str = Field(
        BUNDLED_WEIGHTS,
        title="Weights",
        description="Name of an entry of the weights library, "
        "or the path of a weights descriptor (.yaml) or .empanada file.",
        json_schema_extra=ui("Input"),
    )
    image_downsampling: PowerOfTwo = Field(
        1,
        title="Image downsampling",
        description="Shrink the plane by this factor before the network sees it. "
        "Take the largest factor that still finds what you want: it is faster and often better.",
        json_schema_extra=ui("Input"),
    )
    tile_size: Annotated[int, Field(ge=0, le=128_000)] = Field(
        0,
        title="Tile size",
        description="Side of the tiles in which the network sees larger planes; 0 shows it the whole plane. "
        "Smaller tiles take less memory. They overlap by 128 pixels of the downsampled image or a tenth of their side, "
        "whichever is more, and objects are joined across them.",
        json_schema_extra=ui("Input", unit="px", step=256, zero="whole plane"),
    )
    segmentation_confidence: Annotated[float, Field(ge=0.1, le=0.9)] = Field(
        0.5,
        title="Segmentation confidence",
        description="A voxel belongs to an object from this confidence on. "
        "Lower it to gain area, raise it to lose area.",
        json_schema_extra=ui("Objects", step=0.1),
    )
    centre_confidence: Annotated[float, Field(ge=0.05, le=0.9)] = Field(
        0.1,
        title="Centre confidence",
        description="An object centre counts from this confidence on. Raise it when objects are split too much.",
        json_schema_extra=ui("Objects", step=0.05),
    )
    centre_min_distance: Annotated[int, Field(ge=1, le=35)] = Field(
        3,
        title="Centre distance",
        description="Centres closer together than this become one. In quarter-resolution pixels "
        "(one is 4 pixels of the downsampled image); in pixels of the downsampled image with fine boundaries.",
        json_schema_extra=ui("Objects", step=1, unit="px"),
    )
    fine_boundaries: bool = Field(
        False,
        title="Fine boundaries",
        description="Draw the borders between touching objects at full resolution. Takes more memory.",
        json_schema_extra=ui("Objects", words="Sharper edges"),
    )
    semantic_only: bool = Field(
        False,
        title="Semantic only",
        description="Only say which class a voxel belongs to; do not tell objects apart.",
        json_schema_extra=ui("Objects", words="No separate objects"),
    )
    fill_holes: bool = Field(
        False,
        title="Fill holes",
        description="Fill holes inside objects, plane by plane. Neighbouring objects are never touched.",
        json_schema_extra=ui("Clean up", words="Inside each object"),
    )
    max_objects_per_class: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        10_000,
        title="Max objects per class",
        description="The label divisor: objects of class c get the ids c · divisor + 1, + 2 …",
        json_schema_extra=ui("Objects"),
    )
    use_gpu: bool = Field(
        True,
        title="Use GPU",
        description="Run the network on the graphics card when there is one.",
        json_schema_extra=ui("Computer", words="When there is one"),
    )
    threads: Annotated[int, Field(ge=0, le=1024)] = Field(
        0,
        title="Threads",
        description="Processor threads to use; 0 takes what the machine offers.",
        json_schema_extra=ui("Computer", zero="all"),
    )
    backend: Backend = Field(
        "auto",
        title="Back end",
        description="What runs the network on the processor. auto: the faster one, measured once for these weights on "
        "this computer. The results are the same but for rounding. The graphics card always uses torch.",
        json_schema_extra=ui("Computer"),
    )
    use_quantised: bool = Field(
        False,
        title="Use quantised",
        description="Run the 8-bit form of the weights on the processor: faster, slightly other results. "
        "Make it first from planes of your data, with the quantise command.",
        json_schema_extra=ui("Computer"),
    )


class PlaneParams(InferenceParams):
    """How a single plane is turned into objects."""

    min_area: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        64,
        title="Min area",
        description="Objects with fewer pixels in the plane are dropped.",
        json_schema_extra=ui("Clean up", unit="pixels"),
    )


class StackParams(InferenceParams):
    """How a stack of planes is turned into 3D objects."""

    several_gpus: bool = Field(
        False,
        title="Several GPUs",
        description="Share the planes among all graphics cards, with a process for each. The result is the same. "
        "Not worth it for volumes below 1 GB.",
        json_schema_extra=ui("Computer", words="All that there are"),
    )
    inference_plane: Literal["xy", "xz", "yz"] = Field(
        "xy",
        title="Inference plane",
        description="The planes that the network sees. Take the orientation in which single planes look best. "
        "Ortho-plane runs all three and passes this over.",
        json_schema_extra=ui("Across planes"),
    )
    ortho_plane: bool = Field(
        False,
        title="Ortho-plane",
        description="Segment along xy, xz and yz and keep what the three agree on. Takes three times as long; "
        "worth it where voxels are about as deep as wide.",
        json_schema_extra=ui("Across planes", words="xy, xz and yz agree"),
    )
    median_filter_size: OddPlanes = Field(
        3,
        title="Median filter size",
        description="Smooth the confidence over this many planes. Voxels above 20 nm: 3; below 10 nm: 7 or 9.",
        json_schema_extra=ui("Across planes", unit="planes"),
    )
    voxel_votes: Annotated[int, Field(ge=1, le=3)] = Field(
        2,
        title="Voxel votes",
        description="With ortho-plane: how many of the three stacks must see a voxel. "
        "1 keeps all that any stack found, 3 only what all agree on.",
        json_schema_extra=ui("Across planes", step=1, unit="of 3", needs="ortho_plane"),
    )
    permit_one_stack: bool = Field(
        False,
        title="Found in 1 stack",
        description="With ortho-plane: permit detections found in 1 stack, which no other stack confirms.",
        json_schema_extra=ui("Across planes", words="Keep these, too", needs="ortho_plane"),
    )
    min_size: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        500,
        title="Min size",
        description="Objects with fewer voxels are dropped.",
        json_schema_extra=ui("Clean up", unit="voxels"),
    )
    min_extent: Annotated[int, Field(ge=0, le=1000)] = Field(
        5,
        title="Min extent",
        description="Objects whose bounding box has a side shorter than this are dropped.",
        json_schema_extra=ui("Clean up", unit="voxels"),
    )
    erode_labels: Annotated[int, Field(ge=0, le=50)] = Field(
        0,
        title="Erode labels",
        description="Shrink every object by this many voxels.",
        json_schema_extra=ui("Clean up", unit="voxels"),
    )
    dilate_labels: Annotated[int, Field(ge=0, le=50)] = Field(
        0,
        title="Dilate labels",
        description="Grow every object by this many voxels; neighbours keep theirs.",
        json_schema_extra=ui("Clean up", unit="voxels"),
    )
    return_stacks: bool = Field(
        False,
        title="Return stacks",
        description="Also keep the results of the xy, xz and yz stacks, each on its own.",
        json_schema_extra=ui("Output", words="Each on its own"),
    )
    keep_predictions: bool = Field(
        True,
        title="Keep predictions",
        description="Keep what the planes gave inside X.zarr: votes, sizes, erosion and dilation can then be changed "
        "later within seconds, without the network.",
        json_schema_extra=ui("Output", words="For fusing again"),
    )
    keep_confidence: bool = Field(
        False,
        title="Keep confidence",
        description="Keep the network's confidence of every plane, too, rounded to 8 bits: confidences, centre "
        "distance, fine boundaries and filled holes can then be changed later without the network. Takes about half "
        "a byte for each voxel, class and stack.",
        json_schema_extra=ui("Output", words="For other confidences", needs="keep_predictions"),
    )
    chunk_size: tuple[int, ...] = Field(
        (256,),
        title="Chunk size",
        description="Side of the chunks of the OME-Zarr result: one number, or three for z, y, x.",
        json_schema_extra=ui("Output", unit="voxels"),
    )

    @field_validator("chunk_size")
    @classmethod
    def _one_or_three(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) not in (1, 3) or min(value) < 8 or max(value) > 4096:
            raise ValueError("takes one number or three (z, y, x), each 8 to 4096")
        return value

    @property
    def chunk_zyx(self) -> tuple[int, int, int]:
        """The chunk's side along z, y and x."""
        z, y, x = self.chunk_size * 3 if len(self.chunk_size) == 1 else self.chunk_size
        return z, y, x

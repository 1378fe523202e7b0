"""How long servers of remote files are waited for."""

from typing import Annotated

from pydantic import Field

from bdana.strict import StrictModel

__all__ = ["DEFAULTS", "RemoteConfig"]


class RemoteConfig(StrictModel):
    """Table [remote]: how long servers of remote files are waited for. It changes no result, so it is in no hash or freeze."""

    timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="a server that does not answer within this time is asked again"
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        default=5, description="how often a server that failed is asked again before the file is given up"
    )
    wait_s: Annotated[float, Field(ge=0)] = Field(
        default=2.0, description="before it is asked again; doubled each further time, up to 60 s"
    )


DEFAULTS = RemoteConfig()

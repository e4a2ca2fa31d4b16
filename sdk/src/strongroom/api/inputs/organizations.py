from strongroom.api.base_model import BaseModel


class CreateOrganizationInput(BaseModel):
    """An organization to create."""

    id: str | None = None
    "The UUID the platform knows it by, if any."
    name: str
    "Its name: 1 to 255 characters."


class DeleteOrganizationInput(BaseModel):
    """An organization to delete."""

    id: str
    "Its UUID."

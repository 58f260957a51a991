"""The JSON Schema of a kind's documents, made by pydantic from the kind's model."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from airflow_provider_offers.client.model.described import Described


class _WithoutDefaults(GenerateJsonSchema):
    """Leaves out the defaults of the model's fields: a property that is left out has no value."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schema_of(model: type[Described]) -> dict[str, Any]:
    """The schema of the documents that a model describes."""
    found = model.model_json_schema(schema_generator=_WithoutDefaults)
    return {"$schema": _WithoutDefaults.schema_dialect, **found}

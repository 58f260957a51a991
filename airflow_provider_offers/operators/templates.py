"""Renders the template fields of operators and sensors: None is not a name, and all errors are reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers.client.errors import InvalidInputError

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

    from airflow_provider_offers.operators.rendering import Rendering


class Templated:
    """For operators and sensors: renders the template fields, and stores their errors for `execute`.

    A template error is the same in every try. It is stored until the task runs, together with all others, and fails
    the task without a retry.
    """

    template_fields: Sequence[str]
    template_ext: Sequence[str]
    # The fields with JSON, which accept the name of a file.
    json_fields: ClassVar[tuple[str, ...]] = ()
    # Whether the operator has this option, and its value.
    can_keep_adobe_templates: ClassVar[bool] = False
    keep_adobe_templates: bool = False
    rows: Any = None

    @property
    def row_fields(self) -> tuple[str, ...]:
        """The fields whose templates may use `row`; with `rows`, they are rendered for each row."""
        return ()

    def resolve_template_files(self) -> None:
        """Do not read files before the task runs: a name can be a template, and errors should name the file."""
        self.prepare_template()  # type: ignore[attr-defined]

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a value that is not a whole field: there, text that ends in `.json` is text."""
        from airflow_provider_offers.operators.rendering import Rendering

        rendering = Rendering(self, context, jinja_env or self.get_template_env(), seen_oids or set())  # type: ignore[attr-defined]
        rendered = rendering.value(content, "value", ())
        if rendering.findings:
            raise rendering.error()
        return rendered

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)  # type: ignore[misc]
            return
        from airflow_provider_offers.operators.rendering import Rendering

        self._rendering = rendering = Rendering(self, context, jinja_env, seen_oids)
        for name in template_fields:
            setattr(self, name, rendering.field(name, getattr(self, name)))

    def check_templates(self) -> None:
        """Raise the errors of the rendering."""
        rendering: Rendering | None = getattr(self, "_rendering", None)
        if rendering is None:
            return
        for warning in rendering.warnings:
            self.log.warning("%s", warning)  # type: ignore[attr-defined]
        if rendering.findings:
            raise rendering.error()

    def with_templates(self, error: InvalidInputError) -> InvalidInputError:
        """The error, with the template of each value in its violations."""
        rendering: Rendering | None = getattr(self, "_rendering", None)
        if rendering is None or not any(each.pointer in rendering.origins for each in error.violations):
            return error
        return InvalidInputError(error.subject, [rendering.told(each) for each in error.violations])

"""The provider metadata for Airflow. Plain data without imports: Airflow reads it at every start."""

INTEGRATION = "Adobe Offer Library"


def get_provider_info() -> dict[str, object]:
    """Return the provider metadata, as defined by Airflow's provider_info.schema.json."""
    return {
        "package-name": "airflow-provider-offers",
        "name": INTEGRATION,
        "description": (
            "Adobe Journey Optimizer's Offer Library: create, change, schedule, publish, monitor and retire offers. "
            "Manage placements, qualifiers, rules, collections and decisions. Check what a decision shows."
        ),
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://experienceleague.adobe.com/en/docs/journey-optimizer/using/decisioning/offer-decisioning/api-reference/getting-started",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.offer_library")],
        "operators": [_modules("operators.offers", "operators.decisions", "operators.library", "operators.campaigns")],
        "sensors": [_modules("sensors.offers", "sensors.decisions", "sensors.campaigns")],
        "triggers": [_modules("triggers.offers", "triggers.decisions", "triggers.campaigns", "triggers.events")],
        "cli": ["airflow_provider_offers.cli.definition.get_offers_cli_commands"],
        "notifications": [
            "airflow_provider_offers.notifications.offers.OfferExpiryNotifier",
            "airflow_provider_offers.notifications.offers.UnpublishOffersNotifier",
        ],
        "config": {"offer_library": {"description": "Defaults for Adobe's Offer Library.", "options": _options()}},
        "asset-uris": [
            {
                "schemes": ["offer-library"],
                "handler": "airflow_provider_offers.assets.uris.sanitize_uri",
                "factory": "airflow_provider_offers.assets.library.create_asset",
                "to_openlineage_converter": "airflow_provider_offers.assets.lineage.to_openlineage",
            }
        ],
        "extra-links": [
            "airflow_provider_offers.links.offers.CalendarLink",
            "airflow_provider_offers.links.offers.OfferLink",
        ],
        "connection-types": [
            {
                "connection-type": "offer_library",
                "hook-class-name": "airflow_provider_offers.hooks.offer_library.OfferLibraryHook",
                "hook-name": INTEGRATION,
                "ui-field-behaviour": _standard_fields(),
                "conn-fields": _extra_fields(),
            }
        ],
    }


def _modules(*names: str) -> dict[str, object]:
    return {
        "integration-name": INTEGRATION,
        "python-modules": [f"airflow_provider_offers.{name}" for name in names],
    }


def _options() -> dict[str, object]:
    """The options of the section; `airflow_provider_offers.configuration` reads them."""
    return {
        "default_conn_id": _option(
            "The connection of a hook, an operator, a sensor, a notifier or a command that names none.",
            "string",
            "offer_library_default",
            example="ajo_prod",
        ),
        "poll_interval": _option(
            "Seconds between two looks of a sensor that has no poke_interval, or of an event trigger that has no "
            "poll_interval. Default: Airflow's own, 60 seconds, and 30 seconds for event triggers.",
            "float",
            None,
            example="30",
        ),
        "max_concurrent": _option(
            "How many items of a list a task works on at the same time, 1 to 32, if the task has no max_concurrent.",
            "integer",
            "8",
        ),
        "page_refresh": _option(
            "Seconds for which the calendar page shows what it has read before it looks for changes, 1 to 3600. All "
            "users of an API server share one look.",
            "float",
            "15",
        ),
        "state_path": _option(
            "Where the states of campaigns are kept: a folder, or an address of object storage with the id of its "
            "connection. Default: the folder campaign_state in [core] dags_folder.",
            "string",
            None,
            example="s3://aws_default@my-bucket/campaign_state",
        ),
    }


def _option(description: str, type: str, default: str | None, *, example: str | None = None) -> dict[str, object]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": type,
        "example": example,
        "default": default,
    }


def _standard_fields() -> dict[str, object]:
    return {
        # Airflow 3.3 does not test a stored connection without a port.
        "hidden-fields": ["schema"],
        "relabeling": {"login": "Client ID", "password": "Client secret"},
        "placeholders": {
            "host": "https://platform.adobe.io",
            # The required Organization ID is in a section that the form shows closed.
            "login": "Client ID of the OAuth credential; also required: Organization ID, in Extra Fields below",
            "password": "Client secret of the same credential",
            "port": "443; required by the Test button of Airflow 3.3",
        },
    }


def _extra_fields() -> dict[str, object]:
    return {
        "org_id": _field("Organization ID", "Required. IMS organization ID, for example 1234567890ABCDEF@AdobeOrg."),
        "sandbox": _field(
            "Sandbox", "Name of the sandbox with the offers, decisions and other objects.", default="prod"
        ),
        "api": _field(
            "API generation",
            "dps: the current decision management API. xcore: the older API, with a container in its paths.",
            default="dps",
            enum=["dps", "xcore"],
        ),
        "container_id": _field("Container ID", "For the xcore API only. Default: looked up from the sandbox."),
        "scopes": _field(
            "Scopes", "Comma-separated OAuth scopes to request. Default: the scopes that the Offer Library needs."
        ),
        "token_url": _field("Token URL", "Address of the token endpoint. Default: Adobe IMS.", format="url"),
        "access_token": _field(
            "Access token",
            "An existing access token to use instead of the client secret. It is not renewed.",
            format="password",
        ),
        "timeout": _field(
            "Timeout", "Seconds to wait for an answer. Default: 30.", type="number", exclusiveMinimum=0, maximum=3600
        ),
        "max_retries": _field(
            "Retries",
            "Maximum retries of a request that is safe to repeat. Default: 5.",
            type="integer",
            minimum=0,
            maximum=20,
        ),
        "verify": _field(
            "Verify TLS",
            "true, false, or the path of a file with the trusted certificate authorities. Default: true.",
        ),
        "allow_http": _field(
            "Allow plain HTTP",
            "Allow http to hosts other than this machine. http sends credentials unencrypted. Default: false.",
            type="boolean",
        ),
        "proxies": _field(
            "Proxies",
            'JSON object that maps URL schemes to proxies: {"https": "http://proxy.example:3128"}.',
            type="object",
        ),
    }


def _field(label: str, description: str, *, type: str = "string", **schema: object) -> dict[str, object]:
    return {"label": label, "description": description, "schema": {"type": [type, "null"], **schema}}

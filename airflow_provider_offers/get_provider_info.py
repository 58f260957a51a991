"""Tells Airflow what this package provides. Plain data, imports nothing: Airflow reads it at every start."""

INTEGRATION = "Adobe Offer Library"


def get_provider_info() -> dict[str, object]:
    """Return the provider's metadata, in the form of Airflow's provider_info.schema.json."""
    return {
        "package-name": "airflow-provider-offers",
        "name": INTEGRATION,
        "description": (
            "Adobe Journey Optimizer's Offer Library: create, change, schedule, publish, wait for and retire offers, "
            "with their placements, qualifiers, rules, collections and decisions, and ask what is decided."
        ),
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://experienceleague.adobe.com/en/docs/journey-optimizer/using/decisioning/offer-decisioning/api-reference/getting-started",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.offer_library")],
        "operators": [_modules("operators.offers", "operators.decisions", "operators.library")],
        "sensors": [_modules("sensors.offers", "sensors.decisions")],
        "triggers": [_modules("triggers.offers", "triggers.decisions")],
        "extra-links": ["airflow_provider_offers.links.offers.OfferLink"],
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


def _standard_fields() -> dict[str, object]:
    return {
        # Airflow 3.3 tests a stored connection only if it has a port.
        "hidden-fields": ["schema"],
        "relabeling": {"login": "Client ID", "password": "Client secret"},
        "placeholders": {
            "description": "The Organization ID is required too: it is under Extra Fields, below",
            "host": "https://platform.adobe.io",
            "login": "Client ID of the project's OAuth server-to-server credential; sent as x-api-key",
            "password": "Client secret of the same credential",
            "port": "443; the Test button of Airflow 3.3 needs it",
        },
    }


def _extra_fields() -> dict[str, object]:
    return {
        "org_id": _field("Organization ID", "Required. IMS organization, such as 1234567890ABCDEF@AdobeOrg."),
        "sandbox": _field(
            "Sandbox", "Name of the sandbox that holds the offers, decisions and other objects.", default="prod"
        ),
        "api": _field(
            "API generation",
            "dps: the decision management API of today. xcore: the older API, with a container in its paths.",
            default="dps",
            enum=["dps", "xcore"],
        ),
        "container_id": _field("Container ID", "For the xcore API only. Found from the sandbox when left empty."),
        "scopes": _field(
            "Scopes", "Comma-separated OAuth scopes to ask for. Empty: those that the Offer Library needs."
        ),
        "token_url": _field("Token URL", "Where access tokens are fetched. Empty: Adobe IMS.", format="url"),
        "access_token": _field(
            "Access token",
            "A ready token, used as it is instead of the client secret. It is not renewed.",
            format="password",
        ),
        "timeout": _field(
            "Timeout", "Seconds to wait for an answer. Empty: 30.", type="number", exclusiveMinimum=0, maximum=3600
        ),
        "max_retries": _field(
            "Retries",
            "How often a request that may safely be repeated is. Empty: 5.",
            type="integer",
            minimum=0,
            maximum=20,
        ),
        "verify": _field(
            "Verify TLS",
            "true, false, or the path of a file with the certificate authorities to trust. Empty: true.",
        ),
        "allow_http": _field(
            "Allow plain HTTP",
            "Permit http, which sends credentials unencrypted, to hosts other than this machine.",
            type="boolean",
        ),
        "proxies": _field(
            "Proxies",
            'Proxy by URL scheme, as a JSON object: {"https": "http://proxy.example:3128"}.',
            type="object",
        ),
    }


def _field(label: str, description: str, *, type: str = "string", **schema: object) -> dict[str, object]:
    return {"label": label, "description": description, "schema": {"type": [type, "null"], **schema}}

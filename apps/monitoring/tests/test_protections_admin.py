"""The form of a protection says what it can be set to."""

import pytest
from django.test import Client

from apps.monitoring.admin.parameters import EXAMPLES, explain_parameters
from apps.monitoring.protections import PARAMETERS, read_parameters


def test_every_kind_and_parameter_is_explained_from_its_model() -> None:
    text = explain_parameters()
    for kind, of in PARAMETERS.items():
        assert f"<strong>{kind}</strong>" in text
        for name in of.model_fields:
            assert f"<code>{name}</code>: " in text
    assert "(above 0 to 100 %, required)" in text
    assert "(from 1 to 525,600 minutes, required)" in text
    assert "(from 1 to 525,600 minutes, none unless given)" in text
    assert "(from -100 to 1,000 %, 0 unless given)" in text
    assert "(true or false, true unless given)" in text


@pytest.mark.parametrize("kind", PARAMETERS)
def test_examples_are_accepted(kind: str) -> None:
    read_parameters(kind, EXAMPLES[kind])


@pytest.mark.django_db
def test_form_shows_the_explanation_as_html(admin_client: Client) -> None:
    assert explain_parameters() in admin_client.get("/admin/monitoring/protection/add/").content.decode()

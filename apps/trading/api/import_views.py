"""Serve `/floor/fills/import`."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.trading.api.views import ACCOUNT, account_named
from apps.trading.imports.table import MOST_BYTES
from apps.trading.services.import_fills import import_fills
from ohmycoins.core.errors import Invalid


class ImportSerializer(serializers.Serializer[object]):
    """A CSV file: `time,side,coin,quantity,price,fee_aud[,venue_fill_id][,kind]`, or one of CoinSpot's exports."""

    file = serializers.FileField(allow_empty_file=True)
    account = serializers.IntegerField(required=False, min_value=1)


class ImportedSerializer(serializers.Serializer[object]):
    """What became of the file's rows."""

    imported = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Known from before.")
    skipped = serializers.IntegerField(
        help_text="Reported by the venue itself since the account was connected, or never completed."
    )


class FillsImportView(APIView):
    """Import trade history; sent again it adds nothing, and with a bad row nothing of the file is stored."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        parameters=[ACCOUNT], request={"multipart/form-data": ImportSerializer}, responses=ImportedSerializer
    )
    def post(self, request: Request) -> Response:
        if len(request.FILES.getlist("file")) > 1:
            raise Invalid("One file at a time: several parts are named `file`.")
        form = ImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        account = account_named(request, form.validated_data.get("account"))
        data = form.validated_data["file"].read(MOST_BYTES + 1)  # a byte more is refused
        return Response(asdict(import_fills(account.pk, data, actor=f"user:{request.user.pk}")))

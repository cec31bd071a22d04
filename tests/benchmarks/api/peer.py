"""The peer: the attach as a FastAPI service with SQLAlchemy's asyncio ORM would have it, on the floor's lean tables.

`BENCH_DATABASE_URL` is a database of `lean.sql`. The rules are checked; there are no logs, metrics or request IDs.
"""

import hashlib
import os
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ARRAY, DateTime, ForeignKey, Text, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from agentmessage.ids import uuid7
from devserver.processes import end_with_session_leader

end_with_session_leader()

_url = os.environ["BENCH_DATABASE_URL"].partition("?")[0]
_engine = create_async_engine(_url.replace("postgres://", "postgresql+asyncpg://"), pool_size=8)
_sessions = async_sessionmaker(_engine, expire_on_commit=False)
_Id = Annotated[UUID, mapped_column(primary_key=True)]
_Time = Annotated[datetime, mapped_column(DateTime(timezone=True))]
_OptionalTime = Annotated[datetime | None, mapped_column(DateTime(timezone=True))]


class Base(DeclarativeBase):
    """The tables."""


class ApiKey(Base):
    """A key of an organization."""

    __tablename__ = "api_key"
    id: Mapped[_Id]
    organization_id: Mapped[UUID]
    digest: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    revoked_at: Mapped[_OptionalTime]


class Brand(Base):
    """A brand."""

    __tablename__ = "brand"
    id: Mapped[_Id]
    status: Mapped[str]


class Campaign(Base):
    """A campaign of a brand."""

    __tablename__ = "campaign"
    id: Mapped[_Id]
    organization_id: Mapped[UUID]
    brand_id: Mapped[UUID] = mapped_column(ForeignKey("brand.id"))
    status: Mapped[str]
    brand: Mapped[Brand] = relationship()


class PhoneNumber(Base):
    """A number."""

    __tablename__ = "phone_number"
    id: Mapped[_Id]
    organization_id: Mapped[UUID]
    number: Mapped[str]
    number_type: Mapped[str]
    inbound_url: Mapped[str | None]
    status_url: Mapped[str | None]
    label: Mapped[str | None]
    campaign_id: Mapped[UUID | None]
    carrier_line_option_status: Mapped[str | None]
    carrier_line_option_propagated_at: Mapped[_OptionalTime]
    sms_enabled: Mapped[bool]
    mms_enabled: Mapped[bool]
    created_at: Mapped[_Time]
    updated_at: Mapped[_Time]


class Attachment(Base):
    """An entry of history."""

    __tablename__ = "attachment"
    id: Mapped[_Id]
    phone_number_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    previous_campaign_id: Mapped[UUID | None]


class AttachRequest(BaseModel):
    """The body."""

    campaign_id: UUID


class Number(BaseModel):
    """A number as the answer has it."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    number: str
    number_type: str
    inbound_url: str | None
    status_url: str | None
    label: str | None
    campaign_id: UUID | None
    carrier_line_option_status: str | None
    carrier_line_option_propagated_at: datetime | None
    sms_enabled: bool
    mms_enabled: bool
    created_at: datetime
    updated_at: datetime


class Answer(BaseModel):
    """The envelope."""

    success: bool = True
    data: Number


application = FastAPI()


@application.post("/v1/phone-numbers/{phone_number_id}/campaign", response_model=Answer)
async def attach(phone_number_id: UUID, body: AttachRequest, authorization: Annotated[str, Header()]) -> dict[str, Any]:
    """Attach a campaign to a number."""
    async with _sessions() as session, session.begin():
        digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
        key = await session.scalar(select(ApiKey).where(ApiKey.digest == digest, ApiKey.revoked_at.is_(None)))
        if key is None:
            raise HTTPException(401)
        campaign = await session.scalar(
            select(Campaign)
            .options(joinedload(Campaign.brand))
            .where(Campaign.id == body.campaign_id, Campaign.organization_id == key.organization_id)
        )
        if campaign is None:
            raise HTTPException(404)
        if campaign.status != "ACTIVE" or campaign.brand.status != "VERIFIED":
            raise HTTPException(409)
        number = await session.scalar(
            select(PhoneNumber)
            .where(PhoneNumber.id == phone_number_id, PhoneNumber.organization_id == key.organization_id)
            .with_for_update(key_share=True)
        )
        if number is None:
            raise HTTPException(404)
        if number.campaign_id != campaign.id:
            session.add(
                Attachment(
                    id=uuid7(),
                    phone_number_id=number.id,
                    campaign_id=campaign.id,
                    previous_campaign_id=number.campaign_id,
                )
            )
            number.campaign_id = campaign.id
            number.carrier_line_option_status = "pending"
            number.carrier_line_option_propagated_at = None
            number.updated_at = datetime.now(UTC)
    return {"data": number}

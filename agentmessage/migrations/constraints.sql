-- What the database enforces that Django's models cannot express. The tables are those of the apps' first migrations.


-- One tenant's rows refer only to rows of the same tenant: composite foreign keys on (organization_id, …).

ALTER TABLE campaigns_campaign
    ADD CONSTRAINT campaigns_campaign_brand_same_organization
        FOREIGN KEY (organization_id, brand_id) REFERENCES brands_brand (organization_id, id);

ALTER TABLE numbers_phonenumber
    ADD CONSTRAINT numbers_phonenumber_campaign_same_organization
        FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id);

ALTER TABLE numbers_campaignattachment
    ADD CONSTRAINT numbers_campaignattachment_campaign_same_organization
        FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id),
    ADD CONSTRAINT numbers_campaignattachment_previous_same_organization
        FOREIGN KEY (organization_id, previous_campaign_id) REFERENCES campaigns_campaign (organization_id, id);

ALTER TABLE propagation_carrierorder
    ADD CONSTRAINT propagation_carrierorder_campaign_same_organization
        FOREIGN KEY (organization_id, campaign_id) REFERENCES campaigns_campaign (organization_id, id);


-- A number's current attachment is an attachment of this number.

ALTER TABLE numbers_phonenumber
    ADD CONSTRAINT numbers_phonenumber_current_attachment_its_own
        FOREIGN KEY (id, current_attachment_id) REFERENCES numbers_campaignattachment (phone_number_id, id);


-- History is append-only. The columns compared below never change and no row is deleted; the other columns record the
-- carrier side of the attachment as it progresses.

CREATE FUNCTION numbers_campaignattachment_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % on numbers_campaignattachment', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'numbers_campaignattachment_append_only',
              TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END
$$;

CREATE TRIGGER numbers_campaignattachment_no_update
    BEFORE UPDATE ON numbers_campaignattachment
    FOR EACH ROW
    WHEN (
        (OLD.id, OLD.organization_id, OLD.phone_number_id, OLD.carrier, OLD.campaign_id, OLD.previous_campaign_id,
         OLD.actor_kind, OLD.actor_id, OLD.request_id, OLD.reason, OLD.batch_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.organization_id, NEW.phone_number_id, NEW.carrier, NEW.campaign_id, NEW.previous_campaign_id,
         NEW.actor_kind, NEW.actor_id, NEW.request_id, NEW.reason, NEW.batch_id, NEW.created_at)
    )
    EXECUTE FUNCTION numbers_campaignattachment_append_only();

CREATE TRIGGER numbers_campaignattachment_no_delete
    BEFORE DELETE ON numbers_campaignattachment
    FOR EACH ROW EXECUTE FUNCTION numbers_campaignattachment_append_only();

CREATE TRIGGER numbers_campaignattachment_no_truncate
    BEFORE TRUNCATE ON numbers_campaignattachment
    FOR EACH STATEMENT EXECUTE FUNCTION numbers_campaignattachment_append_only();


-- `superseded` is final. The other transitions are in phone_numbers/services/transitions.py.

CREATE FUNCTION numbers_campaignattachment_superseded_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a superseded attachment cannot become %', NEW.status
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'numbers_campaignattachment_superseded_is_final',
              TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END
$$;

CREATE TRIGGER numbers_campaignattachment_superseded_is_final
    BEFORE UPDATE OF status ON numbers_campaignattachment
    FOR EACH ROW
    WHEN (OLD.status = 'superseded' AND NEW.status <> 'superseded')
    EXECUTE FUNCTION numbers_campaignattachment_superseded_is_final();


-- A number's new tenant does not see how far the detach of its former tenant has come.

CREATE FUNCTION numbers_phonenumber_new_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.carrier_line_option_status := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER numbers_phonenumber_new_tenant
    BEFORE UPDATE OF organization_id ON numbers_phonenumber
    FOR EACH ROW
    WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id AND NEW.organization_id IS NOT NULL
          AND NEW.campaign_id IS NULL)
    EXECUTE FUNCTION numbers_phonenumber_new_tenant();


-- What the carrier was asked to do refers to the number and to the campaign's TCR ID. They cannot change while the
-- answer would then be taken for one about another number or campaign. Admin and inventory ask the same functions.

CREATE FUNCTION numbers_phonenumber_is_bound(phone_number uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM numbers_phonenumber p WHERE p.id = phone_number AND p.campaign_id IS NOT NULL)
        OR EXISTS (
            SELECT FROM numbers_campaignattachment a
            WHERE a.phone_number_id = phone_number AND a.status IN ('pending', 'submitted')
        )
$$;

CREATE FUNCTION numbers_phonenumber_is_in_use(phone_number uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT numbers_phonenumber_is_bound(phone_number)
        OR EXISTS (
            SELECT FROM numbers_campaignattachment a JOIN numbers_phonenumber p ON p.current_attachment_id = a.id
            WHERE p.id = phone_number AND a.status = 'failed'
        )
$$;

CREATE FUNCTION campaigns_campaign_is_in_use(campaign uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
            SELECT FROM campaigns_campaign c
            JOIN numbers_phonenumber p ON p.organization_id = c.organization_id AND p.campaign_id = c.id
            WHERE c.id = campaign
        )
        OR EXISTS (SELECT FROM propagation_carrierorder o WHERE o.campaign_id = campaign AND o.ended_at IS NULL)
$$;

CREATE FUNCTION numbers_phonenumber_number_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF numbers_phonenumber_is_in_use(OLD.id) THEN
        RAISE EXCEPTION 'the carrier has % on a campaign, or is being asked about it: detach it, correct it once the '
            'carrier has confirmed, and attach it again', OLD.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'numbers_phonenumber_number_in_use',
                  TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER numbers_phonenumber_number_in_use
    BEFORE UPDATE OF number, number_type ON numbers_phonenumber
    FOR EACH ROW
    WHEN ((OLD.number, OLD.number_type) IS DISTINCT FROM (NEW.number, NEW.number_type))
    EXECUTE FUNCTION numbers_phonenumber_number_in_use();

-- A number moves to another account only without a campaign. What has failed stays with the account that it was for.

CREATE FUNCTION numbers_phonenumber_account_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF numbers_phonenumber_is_bound(OLD.id) THEN
        RAISE EXCEPTION 'the account % has % on a campaign, or is being asked about it: detach it, and move it once the '
            'carrier has confirmed', OLD.carrier, OLD.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'numbers_phonenumber_account_in_use',
                  TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER numbers_phonenumber_account_in_use
    BEFORE UPDATE OF carrier ON numbers_phonenumber
    FOR EACH ROW
    WHEN (OLD.carrier IS DISTINCT FROM NEW.carrier)
    EXECUTE FUNCTION numbers_phonenumber_account_in_use();

CREATE FUNCTION campaigns_campaign_tcr_campaign_id_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF campaigns_campaign_is_in_use(OLD.id) THEN
        RAISE EXCEPTION 'numbers are on the campaign %: detach them, correct its TCR ID, and attach them again',
            OLD.tcr_campaign_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'campaigns_campaign_tcr_campaign_id_in_use',
                  TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
    END IF;
    RETURN NEW;
END
$$;

-- A campaign's first TCR ID is no correction: nothing is sent without one.
CREATE TRIGGER campaigns_campaign_tcr_campaign_id_in_use
    BEFORE UPDATE OF tcr_campaign_id ON campaigns_campaign
    FOR EACH ROW
    WHEN (OLD.tcr_campaign_id IS NOT NULL AND OLD.tcr_campaign_id IS DISTINCT FROM NEW.tcr_campaign_id)
    EXECUTE FUNCTION campaigns_campaign_tcr_campaign_id_in_use();


-- The admin's log of one row, which its page shows.

CREATE INDEX agentmessage_log_of_object ON django_admin_log (content_type_id, object_id);


-- Counters that need not survive a crash of the database. The counter's rows change all the time: half of each page is
-- left free for their next versions.

ALTER TABLE agentmessage_counter SET UNLOGGED;
ALTER TABLE agentmessage_counter SET (fillfactor = 50);
ALTER TABLE propagation_carrierratelimit SET UNLOGGED;

// List numbers, attach a campaign, look at it, detach it, page through all. Node 20 or newer, nothing to install.
// The types: curl -o agentmessage.d.ts http://127.0.0.1:8000/v1/types.d.ts
import type { components } from "./agentmessage.js";

type Schemas = components["schemas"];
type Refusal = Schemas["NotFoundError"] | Schemas["ValidationFailedError"] | Schemas["CampaignNotActiveError"];

declare const process: { env: Record<string, string | undefined> };
const BASE_URL = process.env.AGENTMESSAGE_URL ?? "http://127.0.0.1:8000";
const API_KEY = process.env.AGENTMESSAGE_KEY;

/** One request. Throws the code, the message and the request id of a refusal. */
async function call<Answer extends { success: true }>(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(BASE_URL + path, {
    method,
    headers: { Authorization: `Bearer ${API_KEY}`, "Content-Type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Answer | Refusal;
  if (!answer.success) {
    const { code, message, request_id } = answer.error;
    throw new Error(`${code}: ${message} (${request_id})`);
  }
  return answer;
}

/** Every number, page by page. */
async function* phoneNumbers(limit = 100): AsyncGenerator<Schemas["PhoneNumber"]> {
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(limit), ...(cursor && { cursor }) });
    const page: Schemas["PhoneNumberListAnswer"] = await call("GET", `/v1/phone-numbers?${query}`);
    yield* page.data;
    cursor = page.meta.next_cursor;
  } while (cursor !== null);
}

const page = await call<Schemas["PhoneNumberListAnswer"]>("GET", "/v1/phone-numbers?limit=5");
console.log(`${page.meta.total} numbers, the newest: ${page.data.map(({ number }) => number).join(", ")}`);

const brands = await call<Schemas["BrandListAnswer"]>("GET", "/v1/brands");
const verified = brands.data.filter(({ identity_status: it }) => it === "VERIFIED" || it === "VETTED_VERIFIED");
const campaigns = await call<Schemas["CampaignListAnswer"]>("GET", "/v1/campaigns");
const campaign = campaigns.data.find(
  ({ status, brand_id }) => status === "ACTIVE" && verified.some(({ id }) => id === brand_id),
);
const number = page.data[0];
if (!campaign || !number) throw new Error("there is no number, or no campaign that could take it");
const path = `/v1/phone-numbers/${number.id}/campaign`;

const wish: Schemas["AttachCampaign"] = { campaign_id: campaign.id };
const attached = await call<Schemas["PhoneNumberAnswer"]>("POST", path, wish);
console.log(`${attached.data.number} sends under ${campaign.name}: ${attached.data.carrier_line_option_status}`);

const { data: standing } = await call<Schemas["AttachmentAnswer"]>("GET", path);
console.log(`attached at ${standing.attached_at}, ${standing.attempts} attempts, failure: ${standing.failure?.code}`);

const detached = await call<Schemas["PhoneNumberAnswer"]>("DELETE", path);
console.log(`${detached.data.number} sends under no campaign: ${detached.data.carrier_line_option_status}`);

let count = 0;
for await (const _ of phoneNumbers()) count += 1;
console.log(`paged through ${count} numbers`);

// Attach a campaign to a number that has none, check its status, detach it again. With Node 20 or newer, whether or not it
// knows TypeScript:
//   curl -s -o agentmessage.d.ts http://127.0.0.1:8000/v1/types.d.ts
//   npx --yes --package typescript@5 tsc --strict --target es2022 --module nodenext quickstart.mts && node quickstart.mjs
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

/** Every number that the query finds, page by page. */
async function* phoneNumbers(wanted: Record<string, string> = {}): AsyncGenerator<Schemas["PhoneNumber"]> {
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ ...wanted, limit: "100", ...(cursor && { cursor }) });
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
if (!campaign) throw new Error("No campaign is active and belongs to a verified brand.");

let number: Schemas["PhoneNumber"] | undefined;
for await (const each of phoneNumbers({ number_type: "local" })) {
  if (each.campaign_id === null) {
    number = each;
    break;
  }
}
if (!number) throw new Error("Every local number has a campaign, and this quickstart moves none of them.");
const path = `/v1/phone-numbers/${number.id}/campaign`;

const body: Schemas["AttachCampaign"] = { campaign_id: campaign.id };
const attached = await call<Schemas["PhoneNumberAnswer"]>("POST", path, body);
try {
  console.log(`${attached.data.number} sends under ${campaign.name}: ${attached.data.carrier_line_option_status}`);
  const { data: attachment } = await call<Schemas["AttachmentAnswer"]>("GET", path);
  const { attached_at, attempts, failure } = attachment;
  console.log(`attached at ${attached_at}, ${attempts} attempts, failure: ${failure?.code}`);
} finally {
  const { data: detached } = await call<Schemas["PhoneNumberAnswer"]>("DELETE", path);
  console.log(`${detached.number} sends under no campaign, as before: ${detached.carrier_line_option_status}`);
}

let count = 0;
for await (const _ of phoneNumbers()) count += 1;
console.log(`paged through ${count} numbers`);

# This service, and your key
export AGENTMESSAGE_URL="http://127.0.0.1:8000"
export AGENTMESSAGE_KEY="am_live_…"
auth="Authorization: Bearer $AGENTMESSAGE_KEY"

# Your numbers, newest first, and your campaigns
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=5"
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/campaigns"

# Attach a campaign to a number; the ids are those of the demo
number="497f6eca-6276-4993-bfeb-53cbbbba6f08"
campaign="b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01"
curl -s -X POST "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign" \
  -H "$auth" -H "Content-Type: application/json" -d "{\"campaign_id\": \"$campaign\"}"

# Where it stands with the carrier, and how it came about
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign"
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign/history"

# Detach it
curl -s -X DELETE -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign"

# The next page: send meta.next_cursor as cursor until it is null
cursor=$(curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=10" | grep -o '"next_cursor":"[^"]*' | cut -d'"' -f4)
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=10&cursor=$cursor"

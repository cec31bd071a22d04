# This service, and your key
export AGENTMESSAGE_URL="http://127.0.0.1:8000"
export AGENTMESSAGE_KEY="am_live_…"
auth="Authorization: Bearer $AGENTMESSAGE_KEY"

# Your numbers, newest first, and your campaigns
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=5"
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/campaigns"

# Choose a campaign (this one is the demo's), and the newest local number without one
campaign="b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01"
number=$(curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?number_type=local&limit=100" |
  grep -o '{"id":"[^}]*"campaign_id":null' | head -n 1 | cut -d '"' -f 4)
echo "number: ${number:?every local number has a campaign, so stop here}"

# Attach the campaign
curl -s -X POST "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign" \
  -H "$auth" -H "Content-Type: application/json" -d "{\"campaign_id\": \"$campaign\"}"

# Its state at the carrier, and its history
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign"
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign/history"

# Detach it: the number has no campaign again
curl -s -X DELETE -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers/$number/campaign"

# The next page: send meta.next_cursor as cursor until it is null
cursor=$(curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=10" | grep -o '"next_cursor":"[^"]*' | cut -d'"' -f4)
curl -s -H "$auth" "$AGENTMESSAGE_URL/v1/phone-numbers?limit=10&cursor=$cursor"

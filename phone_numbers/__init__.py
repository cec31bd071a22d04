"""Phone numbers and the campaign that each one sends under. The app label is `numbers`: docs/adr/0001."""

/** The actions of the audit log, as people would say them. */
export const ACTIONS: Readonly<Record<string, string>> = {
  "config.write": "wrote values",
  "config.delete": "deleted a value",
  "config.restore": "restored a value",
  "config.reveal": "revealed a secret",
  "config.unseal": "turned a secret into plain text",
  "config.resolve": "resolved secrets",
  "mapping.create": "created a mapping",
  "mapping.update": "changed a mapping",
  "mapping.delete": "deleted a mapping",
  "mapping.upsert": "wrote many mappings",
  "integration.create": "created an integration",
  "integration.update": "changed an integration",
  "integration.delete": "deleted an integration",
  "organization.create": "created an organization",
  "organization.delete": "deleted an organization",
  "token.create": "created a token",
  "token.revoke": "revoked a token",
  "token.rotate": "rotated a token",
  "token.admin": "replaced the admin token",
  "key.create": "made a data key",
  "key.rotate": "rotated a data key",
  "key.wrap": "wrapped a key again",
  "key.destroy": "destroyed data keys",
  "backfill.start": "started a run",
  "backfill.pause": "paused a run",
  "backfill.resume": "resumed a run",
  "backfill.cancel": "cancelled a run",
  "backfill.finish": "finished a run",
  "backfill.seal": "sealed rows",
  "backfill.rotate": "sealed rows under a new key",
  "backfill.verify": "verified rows",
};

export function describeAction(action: string): string {
  return ACTIONS[action] ?? action;
}

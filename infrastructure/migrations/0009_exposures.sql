-- Cases say whether their contacts are still traced, and how deep.
ALTER TABLE cases ADD COLUMN closed boolean NOT NULL DEFAULT false, ADD COLUMN levels integer NOT NULL DEFAULT 2;

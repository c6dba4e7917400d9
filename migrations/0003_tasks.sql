-- Tasks: endpoints that are service bindings, and completions that come later.

-- The service binding HANDLER_... of the consumer that jobs go to; `url` is its path then.
ALTER TABLE endpoints ADD COLUMN service TEXT;
-- 1: the attempt was answered with "deferred"; it is over when its completion comes, or its lease ends.
ALTER TABLE jobs ADD COLUMN deferred INTEGER NOT NULL DEFAULT 0 CHECK (deferred IN (0, 1));

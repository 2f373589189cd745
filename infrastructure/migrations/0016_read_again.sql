-- The registers read the log again, for those that came with calls, declarations, sites and breaches.
TRUNCATE venues, cases, quarantines, imports, access_keys, venue_history, guards, sites, breaches, declarations,
    escalations, residents, campaign_history, calls;
DELETE FROM tracking WHERE application_name = 'registers';

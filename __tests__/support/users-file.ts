/** What a user had in config.json before any job came, laid out as by hand. */
export const USERS_FILE = `{
    "current": "mine",
    "profiles": [
        {"name": "mine", "mode": "AK", "access_key_id": "LTAIusersOwnKey00001", "access_key_secret": "usersOwnSecret000001", "region_id": "cn-beijing"},
        {"name": "shared", "mode": "AK", "access_key_id": "LTAIusersOwnKey00002", "access_key_secret": "usersOwnSecret000002", "region_id": "cn-beijing"}
    ]
}
`

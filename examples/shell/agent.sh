#!/bin/bash
# agent.sh - 使用 curl 的简单 Agent

NODE="http://127.0.0.1:9528"

# 检查节点状态
echo "检查节点..."
curl -s "$NODE/api/node/status" | jq .

# 查询余额
echo "余额:"
curl -s "$NODE/api/wallet/balance" | jq .balance

# 转账
echo "转账 100 Token..."
curl -s -X POST "$NODE/api/wallet/transfer" \
  -H "Content-Type: application/json" \
  -d '{"to": "did:claw:recipient_xyz", "amount": 100}' | jq .
